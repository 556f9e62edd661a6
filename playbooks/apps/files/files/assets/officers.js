// The two folders as officers need them every day, in their languages. Names of documents are text and never markup.
const inside = document.querySelector(".inside");
const outside = document.querySelector(".outside");

function cell(row, content) {
  const made = document.createElement("td");
  made.append(content);
  row.append(made);
}

function written(text) {
  const made = document.createElement("bdi");
  made.dir = "ltr";
  made.textContent = text;
  return made;
}

function remover(address) {
  const button = document.createElement("button");
  for (const language of ["ar", "fr"]) {
    const label = document.createElement("span");
    label.lang = language;
    label.textContent = inside.getAttribute(`data-delete-${language}`);
    button.append(label, " ");
  }
  button.addEventListener("click", async () => {
    if (!confirm(inside.dataset.sure)) return;
    await fetch(`${address}?delete`, { method: "POST" });
    show();
  });
  return button;
}

function line(folder, file) {
  const row = document.createElement("tr");
  const link = document.createElement("a");
  link.href = folder + file.href;
  link.dir = "auto";
  link.textContent = decodeURIComponent(file.href);
  cell(row, link);
  cell(row, written(`${(file.sz / 1024).toFixed(1)} Ko`));
  const when = new Date(file.ts * 1000);
  cell(row, written(when.toLocaleString("fr-MA", { dateStyle: "short", timeStyle: "short" })));
  cell(row, remover(link.href));
  return row;
}

async function show() {
  let known = true;
  for (const table of document.querySelectorAll("table[data-folder]")) {
    const folder = table.dataset.folder;
    const answer = await fetch(`${folder}?ls`);
    const said = answer.ok ? await answer.json().catch(() => null) : null;
    known = known && said !== null && said.perms.includes("read");
    const files = known ? said.files.sort((one, other) => other.ts - one.ts) : [];
    table.tBodies[0].replaceChildren(...files.map((file) => line(folder, file)));
  }
  document.querySelectorAll(".inside").forEach((part) => { part.hidden = !known; });
  outside.hidden = known;
}

document.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const answer = await fetch(`${form.action}?j`, { method: "POST", body: new FormData(form) }).catch(() => null);
  form.querySelector("output").textContent = answer && answer.ok ? "" : form.dataset.failed;
  if (answer && answer.ok) form.reset();
  show();
});

show();
