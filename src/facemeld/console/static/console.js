// Elements that every page may use, the theme, the time zone, and what to do when the connection is lost for good.
(() => {
  const base = document.currentScript.dataset.base;
  const year = 365 * 86400;
  const keep = (name, value) => {
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `${name}=${encodeURIComponent(value)}; Path=${base}; Max-Age=${year}; SameSite=Lax${secure}`;
  };
  keep("facemeld_zone", Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");

  const units = [["second", 60], ["minute", 60], ["hour", 24], ["day", 30], ["month", 12], ["year", Infinity]];
  const ago = (moment, language) => {
    let amount = (moment - Date.now()) / 1000;
    for (const [unit, size] of units) {
      if (Math.abs(amount) < size) return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(Math.round(amount), unit);
      amount /= size;
    }
  };

  // <fm-time at="2026-01-31T12:00:00Z" lang="en-US">: local time, with how long ago beside it and UTC on hover.
  customElements.define("fm-time", class extends HTMLElement {
    static observedAttributes = ["at", "lang"];
    attributeChangedCallback() { this.draw(); }
    connectedCallback() { this.draw(); this.timer = setInterval(() => this.draw(), 30000); }
    disconnectedCallback() { clearInterval(this.timer); }
    draw() {
      const moment = new Date(this.getAttribute("at"));
      if (!this.isConnected || Number.isNaN(moment.getTime())) return;
      const language = this.getAttribute("lang") || document.documentElement.lang || undefined;
      const time = document.createElement("time");
      time.dateTime = moment.toISOString();
      time.title = moment.toISOString().replace("T", " ").replace("Z", " UTC");
      const relative = document.createElement("span");
      relative.className = "fm-ago";
      relative.textContent = ago(moment, language);
      time.append(moment.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" }), " ", relative);
      this.replaceChildren(time);
    }
  });

  // <fm-id value="mt_1" href="…" copy="Copy" copied="Copied">: an id in letters of equal width with a button that copies it.
  customElements.define("fm-id", class extends HTMLElement {
    static observedAttributes = ["value", "href", "copy", "copied"];
    attributeChangedCallback() { this.draw(); }
    connectedCallback() { this.draw(); }
    draw() {
      if (!this.isConnected) return;
      const text = this.getAttribute("value") || "";
      const href = this.getAttribute("href");
      const code = document.createElement("code");
      code.textContent = text;
      const label = href ? Object.assign(document.createElement("a"), { href, className: "fm-link" }) : code;
      if (href) label.append(code);
      const button = Object.assign(document.createElement("button"), { type: "button", className: "fm-copy" });
      const say = (words, symbol) => {
        button.setAttribute("aria-label", `${words} ${text}`);
        button.title = words;
        button.replaceChildren(Object.assign(document.createElement("span"), { className: "material-icons", textContent: symbol, ariaHidden: "true" }));
      };
      say(this.getAttribute("copy") || "", "content_copy");
      button.addEventListener("click", async () => {
        await copyText(text);
        say(this.getAttribute("copied") || "", "check");
        setTimeout(() => say(this.getAttribute("copy") || "", "content_copy"), 2000);
      });
      this.replaceChildren(label, button);
    }
  });

  const copyText = async (text) => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    // Browsers offer the clipboard on secure addresses only; the console may run on a plain one within a company.
    const area = Object.assign(document.createElement("textarea"), { value: text });
    area.style.position = "fixed";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };

  const themes = ["auto", "light", "dark"];
  const symbols = { auto: "brightness_auto", light: "light_mode", dark: "dark_mode" };
  window.facemeld = {
    copyText,
    // The button's data-labels holds what it says in each theme.
    nextTheme(button) {
      const theme = themes[(themes.indexOf(button.dataset.theme) + 1) % themes.length];
      button.dataset.theme = theme;
      button.querySelector(".material-icons").textContent = symbols[theme];
      const label = JSON.parse(button.dataset.labels)[theme];
      button.setAttribute("aria-label", label);
      button.title = label;
      Quasar.Dark.set(theme === "auto" ? "auto" : theme === "dark");
      keep("facemeld_theme", theme);
    },
  };

  // A page whose session has ended cannot reconnect: it asks whether that is so, and goes to the sign-in page.
  setInterval(async () => {
    if (document.getElementById("popup")?.ariaHidden !== "false") return;
    const reply = await fetch(`${base}/session`, { cache: "no-store" }).catch(() => null);
    if (reply && reply.status === 401) location.reload();
  }, 4000);
})();
