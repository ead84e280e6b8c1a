/* Tells the portal how high the page is: what is higher than its frame would be cut off (bitrix24.md 9.4). */
(function () {
  "use strict";
  if (!window.BX24) return;
  window.BX24.init(function () {
    var height = 0;
    function fit() {
      var now = document.body.scrollHeight;
      if (now === height) return;
      height = now;
      window.BX24.fitWindow();
    }
    fit();
    if (window.ResizeObserver) new ResizeObserver(fit).observe(document.body);
  });
})();
