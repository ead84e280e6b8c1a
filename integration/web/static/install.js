/* Keeps the steps of the set-up up to date and ends the installation in the portal. No cookies: the session of the
   page goes with every request and is renewed when it runs out (kit.js; product.md P2, P3). */
(function () {
  "use strict";
  const root = document.getElementById("install");
  const molva = window.Molva;
  if (!root || !molva) return;
  const button = document.getElementById("finish");
  let failures = 0;
  let finished = false;

  function tell(text) {
    const notice = document.getElementById("notice");
    notice.hidden = !text;
    notice.querySelector("p").textContent = text || "";
  }

  function put(id, text) {
    const element = document.getElementById(id);
    if (element && text !== undefined && element.textContent !== text) element.textContent = text;
  }

  function show(progress) {
    put("heading", progress.heading);
    put("line", progress.line);
    tell(progress.notice);
    const bar = document.getElementById("bar");
    if (bar) bar.value = progress.percent;
    progress.steps.forEach(function (step) {
      const item = root.querySelector("[data-step=" + step.name + "]");
      if (!item) return;
      item.dataset.state = step.state;
      item.querySelector(".state").textContent = step.word;
      item.querySelector(".note").textContent = step.note;
    });
    Object.keys(progress.counts).forEach(function (name) {
      const place = root.querySelector("[data-count=" + name + "]");
      if (place) place.textContent = progress.counts[name];
    });
  }

  function finish() {
    if (finished) return;
    if (!window.BX24) { tell(root.dataset.outside); return; }
    finished = true;
    button.disabled = true;
    button.textContent = root.dataset.opening;
    molva.portal().then(function (bx) { bx.installFinish(); });
  }

  function look() {
    molva.request(root.dataset.status, null, "application/json").then(function (answer) {
      if (answer.status === 401) throw new Error("stale");
      if (!answer.ok) throw new TypeError("broken");
      return answer.json();
    }).then(function (progress) {
      failures = 0;
      show(progress);
      if (progress.ready && button && !finished) {
        button.disabled = false;
        setTimeout(finish, 2500);
        return;
      }
      if (!progress.settled) setTimeout(look, 1500);
    }).catch(function (error) {
      if (!(error instanceof TypeError)) { tell(root.dataset.stale); return; }
      failures += 1;
      tell(root.dataset.broken);
      setTimeout(look, Math.min(15000, 1500 * failures));
    });
  }

  if (button) button.addEventListener("click", finish);
  look();
})();
