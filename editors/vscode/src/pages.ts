// Pages for webviews. Those of deskstate forbid everything but their own style and script; no other page is shown.

/** Whether a text is a page of deskstate with its policy. */
export function isPage(text: string): boolean {
  return /^<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src ('|&#39;)none\1;/.test(text);
}

/** A page that says one thing. */
export function notice(text: string): string {
  const inert = text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none';"></head>
<body><p>${inert}</p></body></html>`;
}
