import { describe, expect, it } from 'vitest';
import { compileTemplate, type Segment } from './template.ts';

/** The kinds of {@link Segment}, by their numbers. */
const KINDS = ['text', 'escaped', 'whole', 'checked', 'script'];

/** What the values of a template are printed as. In `source`, `$` stands for a value. */
function kindsOf(source: string): string[] {
  return compileTemplate(source.split('$')).segments.map((segment: Segment) => KINDS[segment.kind] as string);
}

function errorOf(source: string): Error {
  try {
    compileTemplate(source.split('$'));
  } catch (error) {
    return error as Error;
  }
  throw new Error(`${source} was compiled`);
}

describe('compileTemplate', () => {
  it.each([
    ['$', 'text'],
    ['<p>$</p>', 'text'],
    ['a < $ > b', 'text'],
    ['a & $;', 'text'],
    ['<p a="x > y">$', 'text'],
    ["<p a='\"'>$", 'text'],
    ['<p a=b/c>$', 'text'],
    ['<p a>$', 'text'],
    ['<p a=>$', 'text'],
    ['<br/>$', 'text'],
    ['</>$', 'text'],
    ['<!-- a -->$', 'text'],
    ['<!-->$', 'text'],
    ['<!--->$', 'text'],
    ['<!-- a --!>$', 'text'],
    ['<!---- > -->$', 'text'],
    ['<!doctype html>$', 'text'],
    ['<?xml ?>$', 'text'],
    ['<!x>$', 'text'],
    ['</ x>$', 'text'],
    ['<![CDATA[ > ]]>$', 'text'],
    ['<style>a > b { }</style>$', 'text'],
    ['<STYLE></style >$', 'text'],
    ['<style></styles></style>$', 'text'],
    ['<script>"</script>$', 'text'],
    ['<script><!-- <script> </script> --></script>$', 'text'],
    ['<script><!-- </script>$', 'text'],
    ['<script><!--><script></script>$', 'text'],
    ['<iframe></iframe>$', 'text'],
    ['<title></title>$', 'text'],
    ['<noscript>$</noscript>', 'text'],
    ['<textarea-x>$', 'text'],
    ['<title>$</title>', 'escaped'],
    ['<title>a < b $</title>', 'escaped'],
    ['<textarea>$</textarea>', 'escaped'],
    ['<svg><title>$</title></svg>', 'escaped'],
    ['<svg><title>a < b</title><text>$</text></svg>', 'text'],
    ['<svg><style><![CDATA[ a > b { } ]]></style><text>$</text></svg>', 'text'],
    ['<svg><script><![CDATA[ if (a<b) c() ]]></script><text>$</text></svg>', 'text'],
    ['<svg><path/></svg><script>if (a<b) c($)</script>', 'script'],
    ['<svg/><script>if (a<b) c($)</script>', 'script'],
    ['<script src=/a/></script>$', 'text'],
    ['<script type="application/json" type="">{"a": $}</script>', 'script'],
    ['<p class="$">', 'escaped'],
    ["<p class='a $ b'>", 'escaped'],
    ['<p class = "$">', 'escaped'],
    ['<p style="color: $">', 'escaped'],
    ['<p data-href="$">', 'escaped'],
    ['<p class=$>', 'whole'],
    ['<p class= $ >', 'whole'],
    ['<br class=$/>', 'whole'],
    ['<a href=$>', 'whole'],
    ['<a href="$">', 'checked'],
    ['<a HREF="$">', 'checked'],
    ['<a/href="$">', 'checked'],
    ['<a href=" $">', 'checked'],
    ['<a href="java$">', 'checked'],
    ['<a href="$/path">', 'checked'],
    ['<a href="/user/$">', 'escaped'],
    ['<a href="?a=$">', 'escaped'],
    ['<a href="#$">', 'escaped'],
    ['<a href="?a=1&$">', 'escaped'],
    ['<a href="?a=1&b=$">', 'escaped'],
    ['<a href="&#106$">', 'checked'],
    ['<a href="https://$">', 'escaped'],
    ['<a href="mailto:$">', 'escaped'],
    ['<a href="/caf&eacute;/$">', 'escaped'],
    ['<img src="data:image/png;base64,$">', 'escaped'],
    ['<img src="data:image/svg+xml,$">', 'escaped'],
    ['<img src="data:image/$">', 'checked'],
    ['<img srcset="/a.png, $">', 'checked'],
    ['<form action="$">', 'checked'],
    ['<button formaction="$">', 'checked'],
    ['<video poster="$">', 'checked'],
    ['<svg><a xlink:href="$">', 'checked'],
    ['<object data="$">', 'checked'],
    ['<p data="$">', 'escaped'],
    ['<animate to="$">', 'checked'],
    ['<p to="$">', 'escaped'],
    ['<animate values="$">', 'checked'],
    ['<a ping="/a $">', 'checked'],
    ['<iframe srcdoc="$"></iframe>', 'checked'],
    ['<meta content="$">', 'escaped'],
    ['<meta name=refresh content="$">', 'escaped'],
    ['<meta http-equiv=refresh content="0;url=$">', 'checked'],
    ['<meta HTTP-EQUIV="Refresh" content="$">', 'checked'],
    ['<meta http-equiv=refresh><meta content="$">', 'escaped'],
    ['<meta content="$" http-equiv="x-ua-compatible">', 'escaped'],
    ['<script>const a = $</script>', 'script'],
    ['<script type="module">const a = $</script>', 'script'],
    ['<script type="application/json">{"a": $}</script>', 'script'],
    ['<script>const a = b &$</script>', 'script'],
    ['<script type="application/ld+json">{"\\"": $}</script>', 'script'],
    ['<script type=importmap>{"imports": $}</script>', 'script'],
  ])('finds the place of the value in %s: %s', (source, kind) => {
    expect(kindsOf(source)).toEqual([kind]);
  });

  it.each([
    ['<a href="$$">', ['checked']],
    ['<a href="$" class="$ $">$', ['checked', 'escaped', 'escaped', 'text']],
    ['<a href="/$/$">$', ['escaped', 'escaped', 'text']],
    ['<a class=$ id=$>', ['whole', 'whole']],
    ['<script>const a = $; const b = $;</script>', ['script', 'script']],
    ['<title>$</title><p>$', ['escaped', 'text']],
  ])('finds the places of the values in %s', (source, kinds) => {
    expect(kindsOf(source)).toEqual(kinds);
  });

  it.each([
    ['<!-- $ -->', 'comment'],
    ['<!--$', 'comment'],
    ['<!doctype $>', 'declaration'],
    ['<!$', 'declaration'],
    ['<?xml $?>', 'declaration'],
    ['<![CDATA[ > $ ]]>', 'declaration'],
    ['<$>', 'name of a tag'],
    ['<p$>', 'name of a tag'],
    ['</$>', 'name of a tag'],
    ['</p$>', 'name of a tag'],
    ['<p $>', 'in a tag'],
    ['<p a$=b>', 'in a tag'],
    ['<p a $>', 'in a tag'],
    ['<p a="b"$>', 'in a tag'],
    ['<p/$>', 'in a tag'],
    ['<p a=b$>', 'unquoted'],
    ['<p a=$b>', 'unquoted'],
    ['<p a=$$>', 'unquoted'],
    ['<p a=$"">', 'unquoted'],
    ['<a href=/user/$>', 'unquoted'],
    ['<a href=$/edit>', 'unquoted'],
    ['</p a="$">', 'end tag'],
    ['</p a=$>', 'end tag'],
    ['<style>$</style>', '<style>'],
    ['<xmp>$</xmp>', '<xmp>'],
    ['<iframe>$</iframe>', '<iframe>'],
    ['<noembed>$</noembed>', '<noembed>'],
    ['<noframes>$</noframes>', '<noframes>'],
    ['<plaintext>$', '<plaintext>'],
    ['<title><b $></title>', '"<"'],
    ['<textarea><$</textarea>', '"<"'],
    ['<textarea></textarea$></textarea>', '"<"'],
    ['<svg><title><b title="$"></title>', '"<"'],
    ['<p onclick="f($)">', 'onclick'],
    ['<p ONLOAD=$>', 'onload'],
    ['<script>"$"</script>', 'script'],
    ["<script>'$'</script>", 'script'],
    ['<script>`$`</script>', 'script'],
    ['<script>// $</script>', 'script'],
    ['<script>/$/</script>', 'script'],
    ['<script><!-- $</script>', 'script'],
    ['<script>const a = "x"; const b = $</script>', 'script'],
    ['<script type="application/json">{"a": "$"}</script>', 'string of JSON'],
    ['<script type="text/x-template">"$"</script>', 'script'],
    [`<script type="" type="application/json">const a='$'</script>`, 'script'],
    [`<script type type="application/json">const a='$'</script>`, 'script'],
    [`<script TYPE=module type="application/json">const a='$'</script>`, 'script'],
    ['<script type="application/json" type="">{"a": "$"}</script>', 'string of JSON'],
    ['<svg><script/><a href=$>x</a></svg></script>', '<script></script>'],
    ['<svg><script href="/a.js" /><a href=$>x</a></svg></script>', '<script></script>'],
    ['<script src=$/></script>', '<script></script>'],
    ['<svg><style/><a href=$>', '<style></style>'],
    ['<math><title/><a href=$>', '<title></title>'],
    ['<textarea/>$</textarea>', '<textarea></textarea>'],
    ['<iframe src="/"/><p>$', '<iframe></iframe>'],
    ['<svg><script>const a = $</script></svg>', 'in <svg>'],
    ['<svg><script>const a = &#34;$</script></svg>', 'in <svg>'],
    ['<svg><g><script type="application/json">$</script></g></svg>', 'in <svg>'],
    ['<svg><style>$</style></svg>', '<style>'],
    ['<svg><style><a href="</style>$">x</a></svg>', 'markup'],
    ['<svg><title><a href="</title>$">x</a></svg>', 'markup'],
    ['<math><textarea><a href="</textarea>$">x</a></math>', 'markup'],
    ['<svg><script>if (a<b) c()</script><p>$', 'markup'],
    ['<svg><style><!-- </style>$', 'markup'],
    ['<svg><style><![CDATA[ </style>$ ]]></style>', 'markup'],
    ['<svg/><svg><svg></svg><title><b></title>$', 'markup'],
    ['<script type="$"></script>', 'type of a <script>'],
    ['<meta http-equiv="$">', 'http-equiv'],
    ['<meta content="$" http-equiv=refresh>', 'refresh'],
    ['<iframe srcdoc="<p>$"></iframe>', 'srcdoc'],
    ['<a href="javascript:$">', 'javascript:'],
    ['<a href=" Java&#115;cript:f($)">', 'javascript:'],
    ['<a href="javascript&colon;$">', 'javascript:'],
    ['<a href="data:text/html,$">', 'data:text'],
    ['<iframe src="data:image/svg+xml,$"></iframe>', 'data:image/svg'],
    ['<script src="data:image/png,$"></script>', 'data:image/png'],
    ['<svg><script xlink:href="data:image/png,$"></script>', 'data:image/png'],
    ['<a href="ftp://$">', 'ftp:'],
    ['<a href="$&eacute;">', '&eacute;'],
    ['&copy$', '&copy'],
    ['<title>&lt$</title>', '&lt'],
    ['<p title="$&notin$">', '&notin'],
    ['<a href="?a=$&copy$">', '&amp;copy'],
    ['<a href="javascript&#58$">', 'javascript:'],
    ['<a href="caf&eacute;/$">', '&eacute;'],
  ])('refuses the value in %s', (source, part) => {
    const error = errorOf(source);
    expect(error).toMatchObject({ name: 'WebUsageError', code: 'ERR_WEB_TEMPLATE' });
    expect(error.message.toLowerCase()).toContain(part.toLowerCase());
  });

  it.each([
    '<',
    '<p',
    '<p ',
    '<p a',
    '<p a="',
    '<p a=b',
    '</p',
    '<!-- ',
    '<!doctype',
    '<script>',
    '<style>a',
    '<textarea>',
    '<title></titl>',
    '<plaintext>',
    '$<p class=$',
  ])('refuses the template %s, after which no other can follow', (source) => {
    expect(errorOf(source)).toMatchObject({ code: 'ERR_WEB_TEMPLATE' });
    expect(errorOf(source).message).toContain('the template ends inside');
  });

  it('names the line, and quotes the template around the value', () => {
    const { message } = errorOf('<ul>\n  <li>$</li>\n  <!-- a\n by $ -->\n</ul>');
    expect(message).toContain('line 4');
    expect(message).toContain(`by \${…} -->`);
  });

  it('names the line of markup that browsers may read differently', () => {
    const { message } = errorOf('<p>$</p>\n<svg>$\n  <script/></svg>');
    expect(message).toMatch(/line 3, at "<script\/>"/);
  });

  it('takes linear time: quadratic time would exceed the time limit of the test', () => {
    for (const piece of [
      '<',
      '<a ',
      '<!--',
      '</',
      '<p a=',
      '<title><',
      '<script><!--<script>',
      '&#',
      '<svg>',
      '<svg><title><![CDATA[]]>',
      '<svg><style></style>',
      '<![CDATA[]]>',
      '$<p a=$ ',
    ]) {
      const source = piece.repeat(400_000 / piece.length);
      try {
        compileTemplate(source.split('$'));
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_WEB_TEMPLATE' });
      }
    }
  });
});
