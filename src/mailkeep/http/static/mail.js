// Remember, in this browser, that the mail was opened.
import { opened, tellTime } from "/static/marks.js";

opened(document.getElementById("mail").dataset.mail);
tellTime();
setInterval(tellTime, 15000);
