/* The portal's script for pages of applications that it shows in a frame (own work, for the sandbox). */
(function () {
  'use strict';
  const portal = new URL(document.currentScript.src).origin;
  /* The frame's name survives every step inside it, its address does not: "app|domain|protocol|sid|lang". */
  const name = window.name.split('|');
  const inFrame = window.parent !== window && name[0] === 'app';
  const sid = inFrame ? name[3] : '';
  const waiting = new Map();
  const initialised = [];
  const bound = {};
  let number = 0;
  let state = null;
  let offset = 0;

  function send(command, params, done) {
    if (!inFrame) return;
    const id = ++number;
    if (done) waiting.set(id, done);
    window.parent.postMessage({bx24: 1, sid: sid, id: id, command: command, params: params}, portal);
  }

  window.addEventListener('message', function (event) {
    const message = event.data;
    if (event.origin !== portal || event.source !== window.parent || !message || message.bx24 !== 1) return;
    if (message.event === 'clock') { offset = message.offset; return; }
    if (message.event) { (bound[message.event] || []).forEach(function (cb) { cb(message.data); }); return; }
    const done = waiting.get(message.id);
    if (!done) return;
    waiting.delete(message.id);
    done(message.answer);
  });

  function afterPage(run) {
    if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', run, {once: true});
    else setTimeout(run, 0);
  }

  function whenReady(run) {
    if (state) { afterPage(run); return; }
    initialised.push(run);
    if (initialised.length > 1) return;
    send('init', {}, function (answer) {
      state = answer;
      offset = answer.offset;
      afterPage(function () { initialised.splice(0).forEach(function (cb) { cb(); }); });
    });
  }

  /* Tokens live in virtual time; the browser's clock does not know it. */
  function authNow() {
    if (!state || !state.auth) return false;
    const over = new Date(state.auth.expires - offset * 1000);
    if (over.getTime() <= Date.now()) return false;
    return {access_token: state.auth.access_token, refresh_token: state.auth.refresh_token, expires_in: over,
            domain: state.auth.domain, member_id: state.auth.member_id};
  }

  function failure(answer) {
    if (!answer.error) return false;
    const text = answer.error_description || '';
    return {ex: answer, status: 0, getError: function () { return answer; },
            getStatus: function () { return 0; }, error: answer.error, error_description: text,
            toString: function () { return answer.error + (text ? ': ' + text : ''); }};
  }

  function result(answer, method, params, cb) {
    return {
      answer: answer, query: {method: method, data: params},
      data: function () { return answer.result; },
      error: function () { return failure(answer); },
      error_description: function () { return answer.error_description; },
      more: function () { return 'next' in answer; },
      total: function () { return parseInt(answer.total, 10) || 0; },
      time: function () { return answer.time; },
      next: function (other) {
        if (!('next' in answer)) return false;
        callMethod(method, Object.assign({}, params, {start: answer.next}), other || cb);
        return true;
      }
    };
  }

  function callMethod(method, params, cb) {
    const data = params || {};
    send('call', {method: method, params: data}, function (answer) {
      if (cb) cb(result(answer, method, data, cb));
    });
  }

  function query(value, key) {
    if (value !== null && typeof value === 'object') {
      return Object.keys(value).map(function (part) {
        return query(value[part], key ? key + '[' + part + ']' : part);
      }).filter(Boolean).join('&');
    }
    return encodeURIComponent(key) + '=' + encodeURIComponent(value === null || value === undefined ? '' : value);
  }

  function callBatch(calls, cb, halt) {
    const asked = {};
    const cmd = {};
    Object.keys(calls).forEach(function (key) {
      const one = calls[key];
      const method = Array.isArray(one) ? one[0] : one.method;
      const params = (Array.isArray(one) ? one[1] : one.params) || {};
      const text = query(params, '');
      asked[key] = [method, params];
      cmd[key] = method + (text ? '?' + text : '');
    });
    send('call', {method: 'batch', params: {cmd: cmd, halt: halt ? 1 : 0}}, function (answer) {
      const block = answer.result || {};
      const made = Array.isArray(calls) ? [] : {};
      Object.keys(asked).forEach(function (key) {
        const error = answer.error ? answer : (block.result_error || {})[key];
        const one = error ? Object.assign({}, error) : {result: (block.result || {})[key]};
        if (!error && (block.result_next || {})[key] !== undefined) one.next = block.result_next[key];
        if (!error && (block.result_total || {})[key] !== undefined) one.total = block.result_total[key];
        if (error || (block.result && key in block.result)) made[key] = result(one, asked[key][0], asked[key][1]);
      });
      if (cb) cb(made);
    });
  }

  /* The height of the root element holds the margins too and does not depend on the window. */
  function size() {
    const page = document.documentElement;
    const height = Math.max(page.getBoundingClientRect().height, document.body ? document.body.scrollHeight : 0);
    return {scrollWidth: page.scrollWidth, scrollHeight: Math.ceil(height)};
  }

  function openApplication(params, closed, settings) {
    if (typeof params === 'function') { openApplication({}, params, closed); return; }
    send('openApplication', {params: params || {}, settings: settings || {}}, closed);
  }

  window.BX24 = {
    init: function (cb) { whenReady(cb || function () {}); },
    ready: afterPage,
    install: function (cb) { whenReady(function () { if (state.first || state.installer) cb(); }); },
    installFinish: function () { send('installFinish', {}); },
    getAuth: authNow,
    refreshAuth: function (cb) {
      send('refreshAuth', {}, function (auth) {
        if (state) state.auth = auth;
        if (cb) cb(authNow());
      });
    },
    callMethod: callMethod,
    callBatch: callBatch,
    isAdmin: function () { return state ? state.admin : false; },
    getLang: function () { return (state && state.lang) || name[4] || 'en'; },
    getDomain: function (protocol) {
      const domain = (state && state.domain) || name[1] || '';
      return protocol ? (name[2] === '1' ? 'https://' : 'http://') + domain : domain;
    },
    getScrollSize: size,
    fitWindow: function (cb) { send('resize', {height: size().scrollHeight, fit: true}, cb); },
    resizeWindow: function (width, height, cb) { send('resize', {width: width, height: height}, cb); },
    scrollParentWindow: function (top, cb) { send('scroll', {top: top}, cb); },
    setTitle: function (title, cb) { send('setTitle', {title: String(title)}, cb); },
    reloadWindow: function (cb) { send('reload', {}, cb); },
    openPath: function (path, cb) { send('openPath', {path: String(path)}, cb); },
    openApplication: openApplication,
    closeApplication: function (cb) { send('closeApplication', {}, cb); },
    selectUser: function (title, cb) {
      const done = typeof title === 'function' ? title : cb;
      send('selectUser', {title: typeof title === 'string' ? title : ''}, function (user) {
        if (user && done) done(user);
      });
    },
    im: {phoneTo: function (phone) { send('phoneTo', {phone: String(phone)}); }},
    placement: {
      info: function () {
        return state ? {placement: state.placement, options: state.options} : {placement: '', options: {}};
      },
      call: function (command, params, cb) {
        const done = typeof params === 'function' ? params : cb;
        send('placement', {command: command, params: typeof params === 'function' ? {} : params}, done);
      },
      getInterface: function (cb) { send('interface', {}, cb); },
      bindEvent: function (event, cb) { (bound[event] = bound[event] || []).push(cb); }
    },
    isReady: function () { return document.readyState !== 'loading'; },
    proxy: function (run, self) { return run.bind(self); }
  };

  document.addEventListener('keydown', function (event) {
    if (event.key === 'Escape' && !event.defaultPrevented && !document.querySelector('dialog[open]')) send('escape', {});
  });
})();
