// A field that finds movies while one types, and its list: arrow keys, Enter, Escape, pointer.
// The map's page and the service's page share it. Texts of tables are only ever set as text.

// `line(movie)` makes the contents of a line, `take(movie)` is called with the one that is chosen,
// `leave()` on Escape where no list is shown.
function finder({ query, found, none, line, take, leave = () => {} }) {
  let movies = [];
  let marked = -1;

  function mark(index) {
    marked = index;
    [...found.children].forEach((own, other) => own.setAttribute("aria-selected", String(other === index)));
    if (index >= 0) {
      query.setAttribute("aria-activedescendant", `found-${index}`);
      found.children[index].scrollIntoView({ block: "nearest" });
    } else query.removeAttribute("aria-activedescendant");
  }

  function hide() {
    found.hidden = true;
    query.setAttribute("aria-expanded", "false");
    mark(-1);
  }

  function choose(index) {
    if (index < 0) return;
    hide();
    take(movies[index]);
  }

  const isSame = (one, other) => one === other || (one.movie_id !== undefined && one.movie_id === other.movie_id);

  // Lists movies; with none of them it says so. The same list again keeps the line that is marked:
  // an answer may come after an arrow key.
  function show(some) {
    const isShown = !found.hidden && some.length > 0 && some.length === movies.length;
    if (isShown && some.every((movie, index) => isSame(movie, movies[index]))) return;
    movies = some;
    const lines = some.map((movie, index) => {
      const own = document.createElement("li");
      own.id = `found-${index}`;
      own.append(...line(movie));
      own.addEventListener("pointerdown", (event) => event.preventDefault()); // keep the focus
      own.addEventListener("click", () => choose(index));
      return own;
    });
    if (!lines.length) {
      const own = document.createElement("li");
      own.className = "none";
      own.textContent = none;
      own.setAttribute("aria-disabled", "true");
      lines.push(own);
    }
    for (const own of lines) own.setAttribute("role", "option");
    found.replaceChildren(...lines);
    found.hidden = false;
    query.setAttribute("aria-expanded", "true");
    mark(some.length ? 0 : -1);
  }

  query.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && !found.hidden && movies.length) {
      event.preventDefault();
      mark((marked + step + movies.length) % movies.length);
    } else if (event.key === "Enter" && !found.hidden) choose(marked);
    else if (event.key === "Escape") {
      if (found.hidden) leave();
      hide();
    }
  });
  query.addEventListener("blur", hide);
  return { show, hide };
}
