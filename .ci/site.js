// formulas: MathJax from this site, only on pages that have one
if (document.querySelector(".arithmatex")) {
  window.MathJax = {
    tex: {inlineMath: [["\\(", "\\)"]], displayMath: [["\\[", "\\]"]]},
    options: {ignoreHtmlClass: ".*|", processHtmlClass: "arithmatex", enableMenu: false},
    svg: {fontCache: "global"}
  }
  const s = document.createElement("script")
  s.src = new URL("mathjax.js", document.currentScript.src).href
  document.head.append(s)
}
