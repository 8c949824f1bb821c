/**
 * The page of the section `page`, for a tag such as our `html` or Hono's. The files in `views` and `templates` make the
 * same bytes.
 *
 * @param {(strings: TemplateStringsArray, ...values: unknown[]) => unknown} html
 * @returns {(data: object) => unknown} what makes the page of its data.
 */
export function pageWith(html) {
  const link = ({ url, text }) => html`<a href="${url}">${text}</a>
`;

  const row = ({ id, name, price, stock }) => html`<tr class="${stock > 0 ? 'in-stock' : 'sold-out'}">
<td>${id}</td>
<td><a href="/items/${id}?from=list">${name}</a></td>
<td>${price.toFixed(2)}</td>
</tr>
`;

  const table = ({ title, items }) => html`<h1>${title}</h1>
<table>
${items.map(row)}</table>
`;

  const layout = ({ title, links, date }, body) => html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title}</title>
<link rel="stylesheet" href="/static/site.css">
</head>
<body>
<nav>
${links.map(link)}</nav>
<main>
${body}</main>
<footer>Prices of ${date}, without carriage</footer>
</body>
</html>
`;

  return (data) => layout(data, table(data));
}
