/* After something was done in the tab, the portal's card is read anew, so that it shows what we wrote (bitrix24.md 9.4). */
(function () {
  "use strict";
  if (!document.querySelector("[data-done]") || !window.Molva) return;
  window.Molva.portal().then(function (bx) {
    if (bx.placement && bx.placement.call) bx.placement.call("reloadData", {}, function () {});
  }).catch(function () {});
})();
