// Go on by itself, and leave no code behind in the address. Without this script a person presses.
history.replaceState(null, "", location.pathname);
document.getElementById("onward").requestSubmit();
