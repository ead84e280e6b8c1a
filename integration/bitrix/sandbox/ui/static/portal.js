/* The portal's pages: frames of applications, sliders, changes that arrive by themselves. */
(function () {
  'use strict';
  const body = document.body;
  const bare = body.dataset.bare === '1';
  const words = body.dataset;
  const frames = new Map();
  let version = Number(body.dataset.version);
  let offset = Number(body.dataset.offset);
  let asked = 0;

  function post(path, data) {
    return fetch(path, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(data)})
      .then(function (answer) { return answer.json(); });
  }

  /* ---- the portal page around a slider, if this page stands in one of its own origin ---- */
  function around() {
    if (!bare || window.parent === window) return null;
    try { return window.parent.Portal || null; } catch (error) { return null; }
  }

  /* ---- changes ---- */
  function typing(part) {
    const active = document.activeElement;
    if (part.contains(active) && active.matches('input, textarea, select, iframe')) return true;
    return Array.from(part.querySelectorAll('textarea, input:not([type=hidden])')).some(function (field) {
      return field.type === 'checkbox' ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
    });
  }

  function mark(before, after) {
    const known = new Set(Array.from(before.querySelectorAll('[data-key]')).map(function (row) {
      return row.dataset.key + row.textContent;
    }));
    after.querySelectorAll('[data-key]').forEach(function (row) {
      if (!known.has(row.dataset.key + row.textContent)) row.classList.add('fresh');
    });
  }

  function handle(one) {
    return [one.tagName, one.id, one.getAttribute('href'), one.getAttribute('name'), one.getAttribute('value')].join('|');
  }

  function swap(text) {
    const next = new DOMParser().parseFromString(text, 'text/html');
    document.querySelectorAll('[data-live]').forEach(function (part) {
      const fresh = next.querySelector('[data-live="' + part.dataset.live + '"]');
      if (!fresh || fresh.innerHTML === (part.source || part.innerHTML) || typing(part)) return;
      const source = fresh.innerHTML;
      if (source === part.innerHTML) { part.source = source; return; }
      mark(part, fresh);
      const focused = part.contains(document.activeElement) ? handle(document.activeElement) : '';
      part.replaceChildren.apply(part, Array.from(fresh.childNodes).map(function (n) { return document.importNode(n, true); }));
      part.source = source;
      const again = focused && Array.from(part.querySelectorAll('a, button, input, summary')).find(function (one) {
        return handle(one) === focused;
      });
      if (again) again.focus();
    });
  }

  function refresh() {
    const mine = ++asked;
    if (!document.querySelector('[data-live]')) return Promise.resolve();
    return fetch(location.href, {headers: {'X-Portal-Live': '1'}}).then(function (answer) {
      if (answer.status >= 500) throw new Error('trouble');
      return answer.ok ? answer.text() : '';
    }).then(function (text) { if (text && mine === asked) swap(text); })
      .catch(function () { version = -1; }); /* it did not come: the next look tries again */
  }

  function look() {
    if (document.hidden) return;
    fetch('/ui-api/changes').then(function (answer) { return answer.json(); }).then(function (now) {
      if (now.offset !== offset) {
        offset = now.offset;
        frames.forEach(function (one) { tell(one, {event: 'clock', offset: offset}); });
      } else if (now.version === version) return;
      version = now.version;
      refresh();
    }).catch(function () {});
  }

  /* ---- applications in frames ---- */
  function tell(one, message) {
    if (one.element.contentWindow) one.element.contentWindow.postMessage(Object.assign({bx24: 1}, message), one.origin);
  }

  function failed(box, text) {
    const line = document.createElement('p');
    line.className = 'empty';
    line.textContent = text;
    box.replaceChildren(line);
  }

  function openFrame(box) {
    if (box.dataset.opened) return;
    box.dataset.opened = '1';
    post('/ui-api/frame/open', {
      app: box.dataset.app, placement: box.dataset.placement, handler: box.dataset.handler || '',
      options: JSON.parse(box.dataset.options || '{}'), user: Number(box.dataset.user || 0), lang: box.dataset.lang || ''
    }).then(function (shown) {
      if (shown.error) { failed(box, shown.error); return; }
      show(box, shown);
    }).catch(function () { failed(box, words.failed); });
  }

  function show(box, shown) {
    const element = document.createElement('iframe');
    const protocol = location.protocol === 'https:' ? '1' : '0';
    element.name = ['app', shown.domain, protocol, shown.sid, shown.lang].join('|');
    element.title = box.dataset.title || shown.title;
    element.className = 'appframe';
    element.addEventListener('load', function () { box.classList.add('loaded'); });
    const form = document.createElement('form');
    form.method = 'post';
    form.action = shown.url;
    form.target = element.name;
    form.hidden = true;
    Object.keys(shown.fields).forEach(function (key) {
      const field = document.createElement('input');
      field.type = 'hidden';
      field.name = key;
      field.value = shown.fields[key];
      form.append(field);
    });
    box.append(element, form);
    frames.set(shown.sid, Object.assign({element: element, box: box}, shown));
    form.submit();
    form.remove();
  }

  function call(one, params, again) {
    return post('/ui-api/frame/call', {sid: one.sid, method: params.method, params: params.params}).then(function (answer) {
      if (again && answer.error === 'expired_token') return renew(one).then(function () { return call(one, params, false); });
      return answer;
    });
  }

  function renew(one) {
    return post('/ui-api/frame/renew', {sid: one.sid}).then(function (answer) { one.auth = answer.auth; return answer.auth; });
  }

  const commands = {
    init: function (one) {
      return {auth: one.auth, placement: one.placement, options: one.options, lang: one.lang, domain: one.domain,
              admin: one.admin, first: one.first, installer: one.installer, offset: offset};
    },
    refreshAuth: renew,
    call: function (one, params) { return call(one, params, true); },
    installFinish: function (one) {
      return post('/ui-api/frame/finish', {sid: one.sid}).then(function (answer) {
        if (answer.result) location.reload();
        return answer.result;
      });
    },
    resize: function (one, params) {
      const height = Math.max(Math.min(Number(params.height) || 0, 20000), 120);
      one.element.style.height = height + 'px';
      if (!params.fit && Number(params.width)) one.element.style.maxWidth = '100%';
      return {width: one.element.clientWidth, height: height};
    },
    scroll: function (one, params) {
      window.scrollTo(window.scrollX, Math.max(0, Number(params.top) || 0));
      return {};
    },
    setTitle: function (one, params) {
      const heading = document.querySelector('[data-title]');
      if (heading && one.box.hasAttribute('data-page')) heading.textContent = params.title;
      document.title = params.title;
      return {};
    },
    reload: function () { location.reload(); return {}; },
    openPath: function (one, params) {
      const known = /^\/(crm\/(lead|deal|company|contact)\/details\/\d+\/|company\/personal\/user\/\d+\/(tasks\/task\/view\/\d+\/)?|marketplace\/view\/[^/]+\/)(\?.*)?$/;
      if (!known.test(params.path)) return {result: 'error', errorCode: 'PATH_NOT_AVAILABLE'};
      return slide(params.path).then(function () { return {result: 'close'}; });
    },
    openApplication: function (one, params) {
      const width = Number(params.params.bx24_width || params.settings.bx24_width) || 0;
      const path = '/marketplace/view/' + encodeURIComponent(one.app) + '/?options=' + encodeURIComponent(JSON.stringify(params.params));
      return slide(path, width).then(function () { return {}; });
    },
    closeApplication: function () { const outer = around(); if (outer) outer.close(); return {}; },
    phoneTo: function (one, params) { calling(params.phone); return {}; },
    selectUser: function (one, params) { return chooseUser(params.title); },
    placement: function (one, params) {
      if (params.command === 'reloadData') { const outer = around(); if (outer) outer.refresh(); return refresh(); }
      return {};
    },
    'interface': function (one) {
      return {command: /_DETAIL_(TAB|ACTIVITY)$|_LIST_MENU$/.test(one.placement) ? ['reloadData'] : [], event: []};
    },
    escape: function () { const outer = around(); if (outer) outer.close(); return {}; }
  };

  window.addEventListener('message', function (event) {
    const message = event.data;
    if (!message || message.bx24 !== 1 || !Object.prototype.hasOwnProperty.call(commands, message.command)) return;
    const one = frames.get(message.sid);
    if (!one || event.source !== one.element.contentWindow || event.origin !== one.origin) return;
    Promise.resolve(commands[message.command](one, message.params || {})).then(function (answer) {
      tell(one, {id: message.id, answer: answer});
    });
  });

  /* The portal's telephony: here a line that says whom it would call. */
  function calling(phone) {
    const outer = around();
    if (outer && outer.calling) { outer.calling(phone); return; }
    const line = document.createElement('p');
    line.className = 'calling';
    line.setAttribute('role', 'status');
    line.textContent = words.calling + ': ' + String(phone).slice(0, 40);
    document.querySelectorAll('.calling').forEach(function (old) { old.remove(); });
    body.append(line);
    setTimeout(function () { line.remove(); }, 30000);
  }

  /* ---- sliders ---- */
  function slide(path, width) {
    const outer = around();
    if (outer) return outer.slide(path, width);
    const address = new URL(path, location.origin);
    address.searchParams.set('IFRAME', 'Y');
    address.searchParams.set('IFRAME_TYPE', 'SIDE_SLIDER');
    return new Promise(function (closed) {
      const dialog = document.createElement('dialog');
      dialog.className = 'slider';
      dialog.setAttribute('aria-label', words.slider);
      const button = document.createElement('button');
      button.type = 'button';
      button.className = 'slider-close';
      button.setAttribute('aria-label', words.close);
      button.textContent = '×';
      button.addEventListener('click', function () { dialog.close(); });
      const page = document.createElement('iframe');
      page.src = address.pathname + address.search;
      page.title = words.slider;
      if (width) dialog.style.maxWidth = 'min(' + width + 'px, 100vw)';
      dialog.append(button, page);
      dialog.addEventListener('close', function () { dialog.remove(); refresh(); closed(); });
      dialog.addEventListener('click', function (event) { if (event.target === dialog) dialog.close(); });
      body.append(dialog);
      dialog.showModal();
    });
  }

  function closeSlider() {
    const open = document.querySelectorAll('dialog.slider');
    if (open.length) open[open.length - 1].close();
  }

  function chooseUser(title) {
    return fetch('/ui-api/users').then(function (answer) { return answer.json(); }).then(function (users) {
      return new Promise(function (chosen) {
        const dialog = document.createElement('dialog');
        dialog.className = 'choice';
        dialog.setAttribute('aria-label', title || words.choose);
        const heading = document.createElement('h2');
        heading.textContent = title || words.choose;
        const list = document.createElement('ul');
        let found = null;
        users.forEach(function (user) {
          const button = document.createElement('button');
          const line = document.createElement('li');
          button.type = 'button';
          button.textContent = user.name + (user.position ? ', ' + user.position : '');
          button.addEventListener('click', function () { found = user; dialog.close(); });
          line.append(button);
          list.append(line);
        });
        dialog.append(heading, list);
        dialog.addEventListener('close', function () { dialog.remove(); chosen(found); });
        body.append(dialog);
        dialog.showModal();
      });
    });
  }

  /* ---- the page itself ---- */
  document.addEventListener('click', function (event) {
    const target = event.target instanceof Element ? event.target : null;
    if (!target) return;
    const tab = target.closest('[data-tab]');
    if (tab) { chooseTab(tab); return; }
    const opener = target.closest('[data-dialog]');
    if (opener) {
      const asked = document.getElementById(opener.dataset.dialog);
      if (asked) asked.showModal(); else location.reload();
      return;
    }
    const closer = target.closest('[data-shut]');
    if (closer) { closer.closest('dialog').close(); return; }
    const link = target.closest('a[data-slide]');
    if (link && !bare && !event.ctrlKey && !event.metaKey && !event.shiftKey && window.innerWidth > 900) {
      event.preventDefault();
      slide(link.getAttribute('href'));
    }
    document.querySelectorAll('details[data-menu][open]').forEach(function (menu) {
      if (!menu.contains(target)) menu.open = false;
    });
  });

  function chooseTab(tab) {
    document.querySelectorAll('[data-tab]').forEach(function (other) {
      const chosen = other === tab;
      other.setAttribute('aria-selected', String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      const panel = document.getElementById(other.dataset.tab);
      panel.hidden = !chosen;
      if (chosen) panel.querySelectorAll('[data-app]').forEach(openFrame);
    });
  }

  document.addEventListener('keydown', function (event) {
    const tab = event.target instanceof Element ? event.target.closest('[data-tab]') : null;
    if (tab && (event.key === 'ArrowRight' || event.key === 'ArrowLeft')) {
      const all = Array.from(document.querySelectorAll('[data-tab]'));
      const next = all[(all.indexOf(tab) + (event.key === 'ArrowRight' ? 1 : all.length - 1)) % all.length];
      chooseTab(next);
      next.focus();
    }
    if (event.key === 'Escape' && !event.defaultPrevented) {
      const open = document.querySelector('details[data-menu][open]');
      if (open) { open.open = false; open.querySelector('summary').focus(); return; }
      const outer = around();
      if (outer && !document.querySelector('dialog[open]')) outer.close();
    }
  });

  document.addEventListener('change', function (event) {
    if (event.target instanceof Element && event.target.matches('[data-submit]')) event.target.form.requestSubmit();
  });

  let typed = 0;
  document.addEventListener('input', function (event) {
    const field = event.target;
    if (!(field instanceof HTMLInputElement) || !field.dataset.find) return;
    const list = document.getElementById(field.getAttribute('list'));
    const mine = ++typed;
    setTimeout(function () {
      if (mine !== typed || field.value.length < 2 || /\]$/.test(field.value)) return;
      fetch('/ui-api/find?kinds=' + field.dataset.find + '&q=' + encodeURIComponent(field.value))
        .then(function (answer) { return answer.json(); })
        .then(function (rows) {
          list.replaceChildren.apply(list, rows.map(function (row) {
            const option = document.createElement('option');
            option.value = row.title + ' [' + row.code + ']';
            return option;
          }));
        }).catch(function () {});
    }, 200);
  });

  const dock = document.querySelector('[data-dock]');
  if (dock) {
    const button = dock.querySelector('button');
    const wide = window.innerWidth > 1440;
    const set = function (open) {
      dock.classList.toggle('open', open);
      button.setAttribute('aria-expanded', String(open));
      const page = dock.querySelector('iframe');
      if (open && !page.src) page.src = page.dataset.src;
      page.hidden = !open;
    };
    button.addEventListener('click', function () {
      const open = !dock.classList.contains('open');
      sessionStorage.setItem('dock', open ? '1' : '0');
      set(open);
    });
    const kept = sessionStorage.getItem('dock');
    set(kept === null ? wide : kept === '1');
  }

  document.querySelectorAll('[data-app]').forEach(function (box) { if (!box.closest('[hidden]')) openFrame(box); });
  document.querySelectorAll('details[data-menu][data-wide]').forEach(function (menu) { menu.open = window.innerWidth > 900; });
  window.Portal = {slide: slide, close: closeSlider, refresh: refresh, calling: calling};
  setInterval(look, 2000);
})();
