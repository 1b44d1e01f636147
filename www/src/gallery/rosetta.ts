// All architectures side by side: the tables stand in the page; here is only its theme.
import { apply, turn } from "./theme";

apply();
document.getElementById("theme")?.addEventListener("click", turn);
