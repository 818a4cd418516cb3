"""What goes out to look: shells that read elsewhere and record facts."""
