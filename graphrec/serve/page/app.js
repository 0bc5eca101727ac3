"use strict";
// The page for people. Titles and all other text of tables come in as text nodes only.
(() => {
  const API = "/api/v1";
  const byId = (id) => document.getElementById(id);
  const main = byId("main");
  const query = byId("query");
  let about = null; // what the model is
  let shown = 0; // number of the view that is shown; an answer to an older one is dropped

  // Elements -------------------------------------------------------------------------------------

  function make(name, properties = {}, ...inner) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (key === "className") element.className = value;
      else if (value !== null && value !== undefined) element.setAttribute(key, value);
    }
    element.append(...inner.filter((one) => one !== null && one !== undefined));
    return element;
  }
  const say = (text) => { byId("status").textContent = text; };
  const filmLink = (film) => make("a", { href: `#/film/${encodeURIComponent(film.movie_id)}` }, film.title);
  function filmName(film) {
    const name = make("span", {}, filmLink(film));
    const named = String(film.title).includes(`(${film.year})`);
    if (film.year !== null && !named) name.append(make("span", { className: "year" }, ` ${film.year}`));
    return name;
  }

  // Asking ---------------------------------------------------------------------------------------

  class Refused extends Error {
    constructor(status, sentence) { super(sentence); this.status = status; }
  }
  async function ask(path, body, signal) {
    const options = { signal, headers: {} };
    if (body !== undefined) {
      options.method = "POST";
      options.body = JSON.stringify(body);
      options.headers["Content-Type"] = "application/json";
    }
    const answer = await fetch(API + path, options);
    if (answer.ok) return answer.status === 204 ? null : answer.json();
    const told = await answer.json().catch(() => ({}));
    throw new Refused(answer.status, told.error || "The server gave no answer.");
  }

  // Where we are: #/film/1, #/for/1,2?from=1990 ---------------------------------------------------

  function place() {
    const [path, rest] = location.hash.replace(/^#\/?/, "").split("?");
    const [view = "", argument = ""] = path.split("/");
    return { view, argument, filters: new URLSearchParams(rest || "") };
  }
  function picksIn(argument) {
    return [...new Set(argument.split(",").filter(Boolean).map(decodeURIComponent))];
  }
  let picks = [];
  function forLink(ids, filters) {
    const rest = filters && [...filters].length ? `?${filters}` : "";
    return `#/for/${ids.map(encodeURIComponent).join(",")}${rest}`;
  }
  function pick(id, wanted) {
    const text = String(id);
    const next = wanted ? [...new Set([...picks, text])] : picks.filter((one) => one !== text);
    const here = place();
    picks = next;
    keepPicks();
    if (here.view === "for" || here.view === "") location.hash = forLink(next, here.filters);
    else show();
  }
  function keepPicks() {
    byId("to-picks").href = forLink(picks);
    byId("to-picks").textContent = picks.length ? `For you (${picks.length})` : "For you";
  }
  function pickButton(film) {
    const own = picks.includes(String(film.movie_id));
    return make(
      "button",
      {
        type: "button",
        "aria-pressed": String(own),
        "aria-label": `${own ? "Don't take" : "Take"} ${film.title} as one that I like`,
        onclick: () => pick(film.movie_id, !own),
      },
      own ? "✓ liked" : "+ like",
    );
  }

  // Views ----------------------------------------------------------------------------------------

  async function show() {
    const here = place();
    const number = ++shown;
    if (here.view === "for") picks = picksIn(here.argument);
    keepPicks();
    for (const link of document.querySelectorAll("nav a")) {
      const own = link.getAttribute("href").split("/")[1];
      if (own === (here.view || "for")) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    try {
      about = about || (await ask("/model"));
      aboutLine();
      const views = { film: filmView, map: mapView, for: forView, "": forView };
      const nodes = await (views[here.view] || missingView)(here, number);
      if (number !== shown) return;
      main.replaceChildren(...nodes);
      const heading = main.querySelector("h1");
      document.title = `${heading ? heading.textContent : "graphrec"} · graphrec`;
      document.documentElement.dataset.ready = String(number);
    } catch (error) {
      if (number === shown) problem(error);
    }
  }
  function problem(error) {
    document.documentElement.dataset.ready = "error";
    if (error.status === 401) { main.replaceChildren(...tokenForm()); return; }
    main.replaceChildren(
      make("h1", {}, "That didn't work"),
      make("p", { className: "problem" }, error.message),
      make("p", {}, make("a", { href: "#/" }, "Begin again")),
    );
    say(error.message);
  }
  function tokenForm() {
    const input = make("input", { type: "password", id: "token", autocomplete: "current-password", required: "" });
    const told = make("p", { className: "quiet", role: "alert" });
    async function enter(event) {
      event.preventDefault();
      try {
        await ask("/session", { token: input.value });
        show();
      } catch (error) { told.textContent = error.message; }
    }
    return [
      make("h1", {}, "A token, please"),
      make("p", {}, "This service answers only those who know its token."),
      make("form", { className: "token", onsubmit: enter }, make("label", { for: "token", className: "hidden" }, "Token"), input, make("button", { className: "main" }, "Enter")),
      told,
    ];
  }
  function aboutLine() {
    const { data, created } = about;
    const made = new Date(created).toLocaleDateString(undefined, { dateStyle: "long" });
    const simulated = data.simulated ? " The movies are real, the users are simulated." : "";
    byId("about").textContent =
      `${data.movies.toLocaleString()} films and ${data.interactions.toLocaleString()} ratings by ` +
      `${data.users.toLocaleString()} people (${data.name}), learned on ${made}.${simulated}`;
  }
  const missingView = () => [make("h1", {}, "There is nothing here"), make("p", {}, make("a", { href: "#/" }, "Begin again"))];

  const mapView = () => [
    make("h1", {}, "All films on a map"),
    make("p", { className: "quiet" }, "Films that the same people rate, or whose facts are alike, are near each other."),
    make("iframe", { src: "/map", title: "Map of all films" }),
  ];

  // One film: its neighbours by numbers, by viewers, by both

  const WAYS = {
    features: ["By numbers", "Facts compared as plain numbers: nothing is learned."],
    collaborative: ["By viewers", "Films that the same people rate, beyond chance."],
    both: ["By both", "Who rates them, labels such as genres, and titles."],
  };
  async function filmView(here) {
    const id = encodeURIComponent(decodeURIComponent(here.argument));
    const [film, close] = await Promise.all([
      ask(`/movies/${id}`),
      ask(`/movies/${id}/similar?by=all&k=8&why=true`).catch((error) => {
        if (error.status === 400) return { movies: [], told: error.message };
        throw error;
      }),
    ]);
    const lists = Map.groupBy ? Map.groupBy(close.movies, (one) => one.by) : group(close.movies);
    const only = close.movies.filter((one) => one.by === "collaborative" && one.collaborative_only);
    const columns = Object.entries(WAYS).filter(([way]) => lists.has(way)).map(([way, [name, what]]) =>
      make(
        "section",
        { "aria-labelledby": `way-${way}` },
        make("h2", { id: `way-${way}` }, name),
        make("p", { className: "quiet" }, what),
        make("ol", { className: "films" }, ...lists.get(way).map((one) => neighbour(one, way))),
      ));
    say(`${film.title}, with ${columns.length} lists of similar films`);
    return [
      make("div", { className: "film-line" }, make("h1", { tabindex: "-1" }, film.title), pickButton(film)),
      make("p", { className: "quiet" }, film.ratings ? `${film.ratings.toLocaleString()} ratings` : "Nobody has rated it yet; what is shown of viewers is predicted from its facts."),
      facts(film),
      close.told ? make("p", { className: "problem" }, close.told) : null,
      only.length ? make("p", {}, `No list by facts holds ${only.length} of the films by viewers.`) : null,
      make("div", { className: "columns" }, ...columns),
    ].filter(Boolean);
  }
  function group(films) {
    const lists = new Map();
    for (const one of films) lists.set(one.by, [...(lists.get(one.by) || []), one]);
    return lists;
  }
  function neighbour(film, way) {
    const line = make("div", { className: "film-line" }, filmName(film));
    if (way === "collaborative" && film.collaborative_only) {
      line.append(make("span", { className: "only", title: "No list by facts holds it" }, "only here"));
    }
    return make("li", {}, line, film.why ? make("p", { className: "why" }, film.why) : null);
  }
  function facts(film) {
    const list = make("dl", { className: "facts" });
    for (const [name, value] of Object.entries(film.metadata)) {
      if (value === null || value === "") continue;
      let text = Array.isArray(value) ? value.join(", ") : String(value).replaceAll("|", ", ");
      if (typeof value === "number" && Math.abs(value) >= 10000) text = value.toLocaleString();
      if (text.length > 160) text = `${text.slice(0, 160)}…`;
      list.append(make("dt", {}, name.replaceAll("_", " ")), make("dd", {}, text));
    }
    return list;
  }

  // Picks, and what is recommended for them

  function condition(filters) {
    const parts = [];
    if (/^\d{1,4}$/.test(filters.get("from") || "")) parts.push(`year >= ${filters.get("from")}`);
    if (/^\d{1,4}$/.test(filters.get("to") || "")) parts.push(`year <= ${filters.get("to")}`);
    for (const [column, labels] of Object.entries(about.labels)) {
      const label = filters.get(column);
      if (label && labels.includes(label)) parts.push(`'${column}' has '${label.replaceAll("'", " ")}'`);
    }
    return parts.length ? parts.join(" and ") : null;
  }
  async function forView(here) {
    const own = here.view === "for" ? picks : (picks = []);
    const diversity = Math.min(1, Math.max(0, Number(here.filters.get("different")) || 0));
    const seen = picksIn(here.filters.get("seen") || "");
    const body = { movies: own, k: 20, where: condition(here.filters), diversity, exclude: seen };
    const [page, ...films] = await Promise.all([
      ask("/recommendations", body),
      ...own.map((id) => ask(`/movies/${encodeURIComponent(id)}`)),
    ]);
    const list = make("ol", { className: "films", id: "recommended" });
    for (const film of page.movies) {
      list.append(make("li", { "data-id": film.movie_id }, make("div", { className: "film-line" }, filmName(film), pickButton(film))));
    }
    const known = page.basis === "history";
    if (known && page.movies.length) explain(own, page.movies, list, shown);
    say(`${page.movies.length} films ${known ? "recommended" : "that most people have rated"}`);
    return [
      make("h1", { tabindex: "-1" }, known ? "For you" : "Which films do you like?"),
      make("p", { className: "quiet" }, known ? "The link of this page holds your films; nothing is stored." : "Take some that you like, here or by the search, and see what goes with them."),
      make(
        "div",
        { className: "two" },
        make("div", {}, ownPicks(films), exportForm(), filterForm(here)),
        make(
          "section",
          { "aria-labelledby": "list-name" },
          make("h2", { id: "list-name" }, known ? "Recommended" : "Rated by most"),
          page.movies.length ? list : make("p", { className: "empty" }, "No film is left with these filters."),
        ),
      ),
    ];
  }
  function ownPicks(films) {
    if (!films.length) return make("div");
    const list = make("ul", { className: "films", id: "picks" });
    for (const film of films) list.append(make("li", {}, make("div", { className: "film-line" }, filmName(film), pickButton(film))));
    return make("section", { "aria-labelledby": "picks-name" }, make("h2", { id: "picks-name" }, "You like"), list, make("p"));
  }
  // Films of one's own export -------------------------------------------------------------------

  const MOST_PICKS = 40; // each is asked for, and all stand in the link
  const MOST_SEEN = 400;
  function exportForm() {
    const input = make("input", { type: "file", id: "export", accept: ".zip,.csv", onchange: () => takeExport(input.files[0]) });
    return make(
      "section",
      { className: "export", "aria-labelledby": "export-name" },
      make("h2", { id: "export-name" }, "Films that you have rated"),
      make("label", { for: "export" }, "Letterboxd's export (.zip), or IMDb's ratings (.csv); drop it anywhere"),
      input,
      told ? make("p", { className: "quiet", id: "export-told" }, told) : null,
    );
  }
  let told = "";
  function inBase64(file) {
    return new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(String(reader.result).split(",")[1] || "");
      reader.onerror = () => reject(new Error(`${file.name} can't be read.`));
      reader.readAsDataURL(file);
    });
  }
  async function takeExport(file) {
    if (!file) return;
    try {
      const { movies, left_out } = await ask("/exports", { name: file.name.slice(-100), content: await inBase64(file) });
      const rated = movies.map((one) => one.rating).filter((rating) => rating !== null);
      const mean = rated.reduce((sum, rating) => sum + rating, 0) / (rated.length || 1);
      const liked = movies.filter((one) => one.rating === null ? !rated.length : one.rating >= mean);
      liked.sort((one, other) => (other.rating || 0) - (one.rating || 0));
      picks = liked.slice(0, MOST_PICKS).map((one) => String(one.movie_id));
      const own = new Set(picks);
      const seen = movies.map((one) => String(one.movie_id)).filter((id) => !own.has(id));
      const all = movies.length + left_out.length;
      told = `${movies.length} of ${all} films found; ${picks.length} that you like most count, and none that you have seen is recommended.`;
      if (left_out.length) told += ` Not found: ${left_out.slice(0, 10).join(", ")}${left_out.length > 10 ? ` and ${left_out.length - 10} more` : ""}.`;
      const filters = new URLSearchParams();
      if (seen.length) filters.set("seen", seen.slice(0, MOST_SEEN).map(encodeURIComponent).join(","));
      location.hash = forLink(picks, filters);
    } catch (error) { problem(error); }
  }
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    takeExport(event.dataTransfer.files[0]);
  });

  function filterForm(here) {
    function change(event) {
      const { name, value } = event.target;
      const { filters } = place(); // another field may have changed since this form was made
      if (value && value !== "0") filters.set(name, value);
      else filters.delete(name);
      kept = event.target.id;
      location.hash = forLink(picks, filters);
    }
    const field = (name, text, input) => {
      input.id = `filter-${name}`;
      input.name = name;
      input.value = here.filters.get(name) || (input.type === "range" ? "0" : "");
      input.addEventListener("change", change);
      return make("label", { for: input.id }, text, input);
    };
    const year = () => make("input", { type: "number", min: "1880", max: "2100", inputmode: "numeric" });
    const choices = Object.entries(about.labels).slice(0, 3).map(([column, labels]) =>
      field(column, column.replaceAll("_", " "), make("select", {}, make("option", { value: "" }, "any"), ...labels.map((one) => make("option", {}, one)))));
    const open = kept || [...here.filters.keys()].some((name) => name !== "seen") || matchMedia("(min-width: 901px)").matches;
    return make(
      "details",
      { className: "filters", open: open ? "" : null },
      make("summary", {}, "Filters"),
      make("div", { className: "pair" }, field("from", "from year", year()), field("to", "to year", year())),
      ...choices,
      field("different", "how different from each other", make("input", { type: "range", min: "0", max: "0.9", step: "0.1" })),
    );
  }
  let kept = null; // the filter that has the focus

  async function explain(own, films, list, number) {
    let answer;
    try {
      answer = await ask("/explanations", { movies: own, explain: films.map((one) => String(one.movie_id)) });
    } catch (error) {
      return; // the list stands without reasons
    }
    if (number !== shown) return;
    for (const one of answer.explanations) {
      const item = [...list.children].find((li) => li.dataset.id === String(one.movie_id));
      if (item) item.append(bars(one));
    }
    list.dataset.explained = "true";
  }
  function bars(one) {
    const parts = one.contributions.slice(0, 3).map((own) => [own.title, own.total]);
    const rest = one.score - parts.reduce((sum, [, value]) => sum + value, 0);
    parts.push([one.contributions.length > 3 ? "other films, popularity" : "popularity", rest]);
    const largest = Math.max(...parts.map(([, value]) => Math.abs(value)), 1e-9);
    const rows = parts.map(([name, value]) => {
      const fill = make("span", { className: value < 0 ? "fill minus" : "fill" });
      fill.style.width = `${(100 * Math.abs(value)) / largest}%`;
      return make(
        "li",
        {},
        make("span", { className: "name", title: name }, name),
        make("span", { className: "track", "aria-hidden": "true" }, fill),
        make("span", { className: "amount" }, `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`),
      );
    });
    return make("ul", { className: "bars", "aria-label": `What the score of ${one.title} is the sum of` }, ...rows);
  }

  // Search ---------------------------------------------------------------------------------------

  const list = finder({
    query,
    found: byId("found"),
    none: "No film is called so.",
    line: (film) => {
      const named = film.year === null || film.title.includes(`(${film.year})`);
      return named ? [film.title] : [film.title, make("span", { className: "year" }, ` ${film.year}`)];
    },
    take: (film) => {
      query.value = "";
      location.hash = `#/film/${encodeURIComponent(film.movie_id)}`;
    },
  });
  let asking = null;
  async function search() {
    if (asking) asking.abort();
    asking = new AbortController();
    const typed = query.value.trim();
    if (!typed) { list.hide(); return; }
    let films;
    try {
      films = (await ask(`/movies?k=8&q=${encodeURIComponent(typed.slice(0, 100))}`, undefined, asking.signal)).movies;
    } catch (error) {
      if (error.name !== "AbortError") { list.hide(); problem(error); }
      return;
    }
    list.show(films);
    say(films.length ? `${films.length} films found` : "No film found");
  }
  query.addEventListener("input", search);
  byId("skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });

  window.addEventListener("hashchange", async () => {
    const before = place().view;
    await show();
    const field = kept && byId(kept);
    kept = null;
    if (field) field.focus();
    else if (before === "film") (main.querySelector("h1") || main).focus();
  });
  show();
})();
