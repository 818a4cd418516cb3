// On a narrow screen the row of places is longer than the screen: bring where one is into view. The
// row alone is scrolled, not the page: a form that was refused has brought its field into view.
const here = document.querySelector(".places [aria-current]");
const row = here?.closest(".places");
if (here && row) {
  const [inner, outer] = [here.getBoundingClientRect(), row.getBoundingClientRect()];
  row.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
}
