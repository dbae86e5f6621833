// The page that submits a file: a file may be dropped on it, and only the file's head is sent to be looked at.
(() => {
  const form = document.querySelector("form.submit");
  const drop = form?.querySelector("[data-drop]");
  const input = form?.querySelector("input[type=file]");
  if (!form || !drop || !input) return;
  const HEAD_BYTES = 65536;

  form.querySelector("[data-drop-hint]").hidden = false;
  form.querySelector("[data-look]").hidden = true;  // it is looked at as soon as it is chosen
  for (const [name, isOver] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
    document.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      drop.classList.toggle("over", isOver);
      if (name !== "drop" || !event.dataTransfer.files.length) return;
      const one = new DataTransfer();
      one.items.add(event.dataTransfer.files[0]);
      input.files = one.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
  }

  // Parquet says at its end what it has, so that its head alone says nothing.
  document.addEventListener("htmx:config:request", (event) => {
    const { request, sourceElement } = event.detail.ctx;
    const file = input.files[0];
    if (sourceElement !== form || !file || file.size <= HEAD_BYTES) return;
    if (/\.(parquet|gz)$/i.test(file.name)) {
      if (file.size > 4 * 1024 * 1024) request.body.delete("file");
      return;
    }
    request.body.set("file", file.slice(0, HEAD_BYTES), file.name);
    request.body.set("num_bytes", String(file.size));
  });
})();
