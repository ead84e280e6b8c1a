/* After something was done in the tab, the portal's card is read anew, so that it shows what we wrote (bitrix24.md 9.4). */
(function () {
  "use strict";
  if (!document.querySelector("[data-done]") || !window.Molva) return;
  window.Molva.portal().then(function (bx) {
    if (bx.placement && bx.placement.call) bx.placement.call("reloadData", {}, function () {});
  }).catch(function () {});
})();

/* Copying an address. A frame of another site may not reach the clipboard, so what is selected is copied the old way. */
(function () {
  "use strict";
  document.querySelectorAll("[data-copy]").forEach(function (button) {
    var field = document.getElementById(button.dataset.copy);
    if (!field) return;
    button.hidden = false;
    button.addEventListener("click", function () {
      field.focus();
      field.select();
      var done = false;
      try { done = document.execCommand("copy"); } catch (error) { /* it stays selected */ }
      if (done && window.Molva) window.Molva.say("good", button.dataset.copied, button);
    });
  });
})();
