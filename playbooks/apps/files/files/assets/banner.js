// Whose documents these are, above the file browser. Names are text and never markup.
fetch("/assets/about.json").then((answer) => answer.json()).then((names) => {
  const banner = document.createElement("a");
  banner.href = "/officers/";
  banner.style.cssText = "display:flex;flex-wrap:wrap;gap:0 2rem;padding:1.6rem 1rem .4rem;color:#fff;background:#1b6b3a";
  for (const [language, direction] of [["ar", "rtl"], ["fr", "ltr"]]) {
    const name = document.createElement("strong");
    name.lang = language;
    name.dir = direction;
    name.textContent = names[language];
    banner.append(name);
  }
  document.body.prepend(banner);
});
