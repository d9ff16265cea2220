// Takes the page anew every few seconds and puts in what changed; what a screen reader is told is the sentence alone.
"use strict";
const PAUSE = 5000;
const trouble = document.getElementById("trouble");
let answered = new Date();

async function look() {
  try {
    const answer = await fetch(location.pathname, { cache: "no-store", signal: AbortSignal.timeout(PAUSE) });
    if (!answer.ok) throw new Error(answer.statusText);
    show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    answered = new Date();
    trouble.hidden = true;
  } catch {
    const sentence = `octo-node gives no answer. What stands here is from ${answered.toLocaleTimeString()}.`;
    if (trouble.hidden || trouble.textContent !== sentence) trouble.textContent = sentence;
    trouble.hidden = false;
  }
}

function show(fresh) {
  document.title = fresh.title;
  for (const selector of ["h1", "#summary", "main > :is(section, div)", "footer"]) put(fresh, selector);
}

function put(fresh, selector) {
  const [olds, news] = [document, fresh].map((page) => [...page.querySelectorAll(selector)]);
  const isSame = olds.length === news.length && olds.every((old, i) => old.tagName === news[i].tagName && old.className === news[i].className);
  if (!isSame) {
    document.querySelector("main").replaceChildren(...news);
    return;
  }
  olds.forEach((old, i) => {
    if (!old.isEqualNode(news[i])) old.replaceChildren(...news[i].childNodes);
  });
}

setInterval(() => { if (!document.hidden) look(); }, PAUSE);
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
