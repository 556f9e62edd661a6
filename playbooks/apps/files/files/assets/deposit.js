// Says in the form's own language what became of a deposit; without it, the server answers with a page of its own.
document.querySelectorAll("form[data-done]").forEach((form) => {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const output = form.querySelector("output");
    output.textContent = "…";
    const answer = await fetch(`${form.action}?j`, { method: "POST", body: new FormData(form) }).catch(() => null);
    output.textContent = answer && answer.ok ? form.dataset.done : form.dataset.failed;
    if (answer && answer.ok) form.reset();
  });
});
