// What a browser sees of the page: boxes that overlap, texts outside of their boxes, lines through boxes, contrast.
window.addEventListener("load", () => {
  const found = { boxes: 0, lines: 0, overlaps: [], outside: [], crossed: [], faint: [], wide: [], resources: [] };
  const inner = (a, b, t) => a.left >= b.left - t && a.right <= b.right + t && a.top >= b.top - t && a.bottom <= b.bottom + t;
  const meet = (a, b, t) => a.left < b.right - t && b.left < a.right - t && a.top < b.bottom - t && b.top < a.bottom - t;
  const name = (node) => node.querySelector(".name").textContent;
  const nodes = [...document.querySelectorAll("svg .node")];
  const cards = nodes.map((node) => node.querySelector(".card").getBoundingClientRect());
  found.boxes = nodes.length;
  nodes.forEach((node, at) => {
    for (let other = at + 1; other < nodes.length; other++)
      if (meet(cards[at], cards[other], -4)) found.overlaps.push([name(node), name(nodes[other])]);
    const texts = [...node.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
    texts.forEach(([text, box], n) => {
      if (!inner(box, cards[at], 0.5)) found.outside.push([name(node), text]);
      texts.slice(n + 1).forEach(([more, second]) => {
        if (meet(box, second, 1)) found.overlaps.push([text, more]);
      });
    });
  });
  const free = [...document.querySelectorAll("svg .head, svg .legend")].map((text) => [text.textContent, text.getBoundingClientRect()]);
  const all = document.querySelector("svg.stack").getBoundingClientRect();
  free.forEach(([text, box], n) => {
    if (!inner(box, all, 0)) found.outside.push(["picture", text]);
    free.slice(n + 1).forEach(([more, second]) => meet(box, second, 0) && found.overlaps.push([text, more]));
    cards.forEach((card, at) => meet(box, card, 0) && found.overlaps.push([text, name(nodes[at])]));
  });
  for (const line of document.querySelectorAll("svg .edge .line")) {
    found.lines++;
    const matrix = line.getScreenCTM();
    const length = line.getTotalLength();
    for (let at = 8; at < length - 8; at += 5) {
      const point = line.getPointAtLength(at).matrixTransform(matrix);
      cards.forEach((card, n) => {
        const inside = point.x > card.left + 1 && point.x < card.right - 1 && point.y > card.top + 1 && point.y < card.bottom - 1;
        if (inside) found.crossed.push([line.parentNode.textContent, name(nodes[n])]);
      });
    }
  }
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\d.]+/g).slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (colour !== "rgba(0, 0, 0, 0)" && colour !== "transparent") return light(colour);
    }
    return 1;
  };
  for (const text of document.querySelectorAll("p, li, code, td, th, h1, h2, h3, a, svg .node text")) {
    const style = getComputedStyle(text);
    const card = text.closest(".node");
    const behind = card ? light(getComputedStyle(card.querySelector(".card")).fill) : ground(text);
    const ratio = contrast(light(card ? style.fill : style.color), behind);
    if (ratio < 4.5) found.faint.push([text.textContent.slice(0, 30), ratio.toFixed(2)]);
  }
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) found.wide.push([document.documentElement.scrollWidth, width]);
  found.ground = light(getComputedStyle(document.body).backgroundColor);
  found.resources = performance.getEntriesByType("resource").map((entry) => entry.name);
  found.faint = found.faint.slice(0, 10);
  const shown = document.createElement("pre");
  shown.id = "found";
  shown.textContent = JSON.stringify(found);
  document.body.append(shown);
});
