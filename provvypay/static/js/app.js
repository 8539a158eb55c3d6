/* What the pages do in the browser: htmx, and a few habits of our own. Each module owns one habit and knows no page.
   Everything here may be missing: links, forms and the card payment work without it. */

import htmx from "htmx.org";

import { watchAlerts } from "./alerts.js";
import { watchCopyButtons } from "./copy.js";
import { watchCountdowns } from "./countdown.js";
import { watchDialogs } from "./dialogs.js";
import { watchForms } from "./forms.js";
import { watchLiveParts } from "./live.js";
import { watchPicks } from "./pick.js";
import { watchThemeSwitch } from "./theme-switch.js";
import { watchWalletButton } from "./wallet-button.js";

watchAlerts();
watchCopyButtons();
watchDialogs();
watchForms();
watchLiveParts(htmx);
watchPicks();
watchThemeSwitch();
watchCountdowns(htmx);
watchWalletButton();

// Last, so that a button which needs a script is never shown before the script listens.
document.documentElement.classList.add("js");
