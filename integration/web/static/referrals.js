/* Opens and shuts all branches of a tree at once; without it each opens by itself. */
(function () {
  "use strict";
  const bar = document.querySelector("[data-folds]");
  if (!bar) return;
  function set(open) {
    document.querySelectorAll(".tree details").forEach(function (one) { one.open = open; });
  }
  bar.querySelector("[data-unfold]").addEventListener("click", function () { set(true); });
  bar.querySelector("[data-fold]").addEventListener("click", function () { set(false); });
  bar.hidden = false;
})();
