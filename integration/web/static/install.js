/* Keeps the steps of the set-up up to date and ends the installation in the portal. No cookies: the signed value
   of the page goes with every request (product.md P3). */
(function () {
  "use strict";
  var root = document.getElementById("install");
  if (!root || !window.fetch) return;
  var button = document.getElementById("finish");
  var failures = 0;
  var finished = false;

  function tell(text) {
    var notice = document.getElementById("notice");
    notice.hidden = !text;
    notice.firstElementChild.textContent = text || "";
  }

  function put(id, text) {
    var element = document.getElementById(id);
    if (element && text !== undefined && element.textContent !== text) element.textContent = text;
  }

  function show(progress) {
    put("heading", progress.heading);
    put("line", progress.line);
    tell(progress.notice);
    var bar = document.getElementById("bar");
    if (bar) {
      bar.setAttribute("aria-valuenow", progress.percent);
      bar.firstElementChild.value = progress.percent;
    }
    progress.steps.forEach(function (step) {
      var item = root.querySelector("[data-step=" + step.name + "]");
      if (!item) return;
      item.dataset.state = step.state;
      item.querySelector(".state").textContent = step.word;
      item.querySelector(".note").textContent = step.note;
    });
    Object.keys(progress.counts).forEach(function (name) {
      var place = root.querySelector("[data-count=" + name + "]");
      if (place) place.textContent = progress.counts[name];
    });
  }

  function finish() {
    if (finished) return;
    if (!window.BX24) { tell(root.dataset.outside); return; }
    finished = true;
    button.disabled = true;
    button.textContent = root.dataset.opening;
    window.BX24.init(function () { window.BX24.installFinish(); });
  }

  function look() {
    fetch(root.dataset.status, {
      credentials: "omit",
      headers: { Authorization: "Bearer " + root.dataset.session, Accept: "application/json" }
    }).then(function (answer) {
      if (answer.status === 401) throw new Error("stale");
      if (!answer.ok) throw new Error("broken");
      return answer.json();
    }).then(function (progress) {
      failures = 0;
      root.dataset.session = progress.session;
      show(progress);
      if (progress.ready && button && !finished) {
        button.disabled = false;
        setTimeout(finish, 2500);
        return;
      }
      if (!progress.settled) setTimeout(look, 1500);
    }).catch(function (error) {
      if (error.message === "stale") { tell(root.dataset.stale); return; }
      failures += 1;
      tell(root.dataset.broken);
      setTimeout(look, Math.min(15000, 1500 * failures));
    });
  }

  if (button) button.addEventListener("click", finish);
  look();
})();
