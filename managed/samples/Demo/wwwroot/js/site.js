// Starts the panels that are on the page. Error pages have none.

import { startHeartbeat } from "./heartbeat.js";
import { startNotes } from "./notes.js";
import { startFiles } from "./files.js";
import { startChat } from "./chat.js";
import { startClock } from "./clock.js";
import { startTrouble } from "./trouble.js";

if (document.getElementById("work")) {
  startHeartbeat();
  startNotes();
  startFiles();
  startChat();
  startClock();
  startTrouble();
}
