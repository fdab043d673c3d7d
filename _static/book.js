// A formula inside a sentence cannot be broken. Where it is wider than its line, on a phone, let it
// scroll inside itself, by touch and by keyboard, rather than run off the page.
addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  const formulas = [...document.querySelectorAll(".bd-article mjx-container:not([display])")];
  const update = () => {
    const wide = formulas.map((formula) => {
      const line = formula.closest("p, li, td, th, dd, dt, summary, figcaption, h1, h2, h3");
      const width = formula.firstElementChild?.getBoundingClientRect().width ?? 0;
      return line !== null && line.clientWidth > 0 && width > line.clientWidth;
    });
    formulas.forEach((formula, i) => {
      formula.classList.toggle("book-wide", wide[i]);
      formula.toggleAttribute("tabindex", wide[i]);
      if (wide[i]) formula.tabIndex = 0;
    });
  };
  update();
  addEventListener("resize", update);
});
