// On a narrow screen the row of places is longer than the screen: bring where one is into view.
document.querySelector(".places [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
