import { describe, expect, it } from 'vitest';
import { join, people, say, texts } from './chat-pages.ts';
import { DESKTOP, setUpScene } from './chromium-scene.ts';
import {
  CHROMIUM_LIMIT_MS,
  EVENTUALLY,
  lightness,
  overflow,
  picture,
  SCREENS,
  useScreen,
} from './demo-browser.ts';

describe('the chat in Chromium', { timeout: CHROMIUM_LIMIT_MS }, () => {
  const scene = setUpScene();

  const open = (path = '/') => scene.browser.open(scene.site.origin + path);
  const enterAs = async (name: string, path?: string) => join(await open(path), name);

  it('lets tabs talk to each other, shows late comers what was said, and notices who leaves', async () => {
    const ada = await enterAs('Ada');
    await ada.getByText('Nobody else is here').waitFor();
    await say(ada, 'Hello?');
    const [bo] = await Promise.all([
      ada.context().waitForEvent('page'),
      ada.getByRole('link', { name: 'Open a second tab' }).click(),
    ]);
    scene.browser.watch(bo, scene.site.origin);
    await join(bo, 'Bo');
    await expect.poll(() => texts(bo), EVENTUALLY).toEqual(['Hello?']);
    await say(bo, 'Hello Ada');
    for (const page of [ada, bo])
      await expect.poll(() => texts(page), EVENTUALLY).toEqual(['Hello?', 'Hello Ada']);
    expect(await texts(ada, '.own')).toEqual(['Hello?']);
    expect(await texts(bo, '.own')).toEqual(['Hello Ada']);
    await expect.poll(() => people(ada), EVENTUALLY).toEqual(['Ada', 'Bo']);
    expect(await people(bo)).toEqual(['Bo', 'Ada']);

    await bo.reload();
    await bo.getByText('You are Bo').waitFor();
    await expect.poll(() => texts(bo), EVENTUALLY).toEqual(['Hello?', 'Hello Ada']);
    expect(await texts(bo, '.own')).toEqual(['Hello Ada']);
    await bo.close();
    await ada.getByText('Bo left').waitFor();
    expect(await people(ada)).toEqual(['Ada']);
    expect(await ada.getByText('Bo came in').count()).toBe(1);
  });

  it('keeps rooms apart, and shows in one how much is said in another', async () => {
    const name = '<b>Eve</b>';
    const text = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    const ada = await enterAs('Ada');
    const eve = await enterAs(name, '/?room=kitchen');
    await say(eve, text);
    const kitchen = ada.getByRole('link', { name: 'Kitchen 1 new' });
    await kitchen.waitFor();
    expect(await texts(ada)).toEqual([]);
    await kitchen.click();
    await ada.getByText('You are Ada').waitFor();
    // Markup in names and messages is text.
    await expect.poll(() => texts(ada), EVENTUALLY).toEqual([text]);
    await expect.poll(() => people(ada), EVENTUALLY).toEqual(['Ada', name]);
    expect(await ada.locator('#log :is(img, script, b), #people b').count()).toBe(0);
    expect(await ada.title()).toBe('Kitchen – Landspout chat');
  });

  it('goes on after the server was killed: nothing is lost, doubled or left behind', async () => {
    const ada = await enterAs('Ada');
    const bo = await enterAs('Bo');
    const secondAda = await open();
    await secondAda.getByLabel('Your name').fill('Ada');
    await secondAda.keyboard.press('Enter');
    await secondAda.getByText('You are Ada 2').waitFor();
    await say(bo, 'before\n'.repeat(150));
    await say(ada, 'mine');
    for (const page of [ada, bo, secondAda]) await expect.poll(() => texts(page), EVENTUALLY).toHaveLength(2);
    await bo.locator('#scroller').evaluate((element) => element.scrollTo(0, 0));

    await scene.site.stop('SIGKILL');
    for (const page of [ada, bo, secondAda]) await page.getByText('Connection lost').waitFor();
    await say(ada, 'meanwhile');
    await ada.getByText('on its way').waitFor();
    await picture(ada, 'chat-waiting', DESKTOP);
    await ada.getByLabel('Message', { exact: true }).fill('half a tho');
    await scene.site.startAgain();

    for (const page of [ada, bo, secondAda]) await page.getByText('The server was restarted').waitFor();
    await ada.getByText('on its way').waitFor({ state: 'detached' });
    await say(secondAda, 'after');
    for (const page of [ada, bo, secondAda]) {
      await expect.poll(() => texts(page), EVENTUALLY).toHaveLength(4);
      const [first, ...others] = await texts(page);
      expect(first).toContain('before');
      expect(others).toEqual(['mine', 'meanwhile', 'after']);
    }
    await picture(ada, 'chat-restarted', DESKTOP);
    expect(await texts(ada, '.own')).toEqual(['mine', 'meanwhile']);
    expect(await ada.getByText('on its way').count()).toBe(0);
    expect(await ada.getByLabel('Message', { exact: true }).inputValue()).toBe('half a tho');
    expect(await bo.locator('#scroller').evaluate((element) => element.scrollTop)).toBe(0);
    expect(await secondAda.locator('#state').textContent()).toBe('You are Ada 2');
    for (const page of [ada, bo, secondAda]) {
      await expect.poll(() => people(page), EVENTUALLY).toHaveLength(3);
      expect(await page.locator('.note').filter({ hasText: 'left' }).count()).toBe(0);
    }
    const late = await enterAs('Late');
    await expect.poll(() => texts(late), EVENTUALLY).toHaveLength(4);
  });

  it('counts new messages instead of moving what is being read', async () => {
    const ada = await enterAs('Ada');
    const bo = await enterAs('Bo');
    await say(bo, 'long ago\n'.repeat(150));
    await expect.poll(() => texts(ada), EVENTUALLY).toHaveLength(1);
    const scrollTop = () => ada.locator('#scroller').evaluate((element) => element.scrollTop);
    await ada.locator('#scroller').evaluate((element) => element.scrollTo(0, 0));
    await expect.poll(scrollTop, EVENTUALLY).toBe(0);
    await say(bo, 'one');
    await say(bo, 'two');
    const jump = ada.getByRole('button', { name: '2 new messages' });
    await jump.waitFor();
    expect(await scrollTop()).toBe(0);
    await jump.click();
    await jump.waitFor({ state: 'hidden' });
    await expect.poll(scrollTop, EVENTUALLY).toBeGreaterThan(0);
  });

  it('can be used with the keyboard alone, and says what is wrong with a name', async () => {
    const page = await open();
    const focused = () => page.locator(':focus').getAttribute('id');
    expect(await focused()).toBe('name');
    await page.keyboard.type('a'.repeat(30));
    await page.keyboard.press('Enter');
    await page.getByText('A name has 1 to 24 characters.').waitFor();
    await page.getByLabel('Your name').fill('Ada');
    await page.keyboard.press('Enter');
    await page.getByText('You are Ada').waitFor();
    expect(await focused()).toBe('text');
    await page.keyboard.type('hello');
    await page.keyboard.press('Enter');
    await expect.poll(() => texts(page), EVENTUALLY).toEqual(['hello']);
    await page.keyboard.press('Shift+Tab');
    expect(await focused()).toBe('scroller');
    await page.getByRole('button', { name: 'Leave' }).focus();
    await page.keyboard.press('Enter');
    expect(await focused()).toBe('name');
    await page.keyboard.press('Enter');
    await page.getByText('You are Ada').waitFor();
    await expect.poll(() => texts(page, '.own'), EVENTUALLY).toEqual(['hello']);
  });

  it('fits every screen in both colour schemes, and shows what runs beneath', async () => {
    const page = await open();
    for (const screen of SCREENS) {
      await useScreen(page, screen);
      await picture(page, 'chat-door', screen);
      expect(await overflow(page)).toBe(0);
    }
    const name = 'W'.repeat(24);
    await join(page, name);
    const other = await enterAs('Bo');
    await say(other, 'a'.repeat(500));
    await say(page, `https://example.com/${'b'.repeat(500)}`);
    await say(other, 'Good morning!\nIs anybody here?');
    await say(page, 'Yes, I am.');
    await expect.poll(() => texts(page), EVENTUALLY).toHaveLength(4);
    await page.getByText('here now').click();
    await page.getByText('Beneath this page').click();
    const fact = (one: string) => page.locator(`[data-fact="${one}"]`);
    await expect.poll(() => fact('transport').textContent(), EVENTUALLY).toBe('WebSocket');
    await expect.poll(() => fact('tabs').textContent(), EVENTUALLY).toBe('2');
    await expect.poll(() => fact('roundTrip').textContent(), EVENTUALLY).toMatch(/^\d+\.\d ms$/);
    expect(await fact('cursor').textContent()).toMatch(/^[\w.-]+$/);
    expect(await page.locator('#served').textContent()).toMatch(
      /^Served by process \d+, the only one · backplane: journal$/,
    );
    expect(await page.getByRole('button', { name: 'Kill this process' }).count()).toBe(0);
    expect(await fact('backend').textContent()).toBe(process.env.LANDSPOUT_BACKEND ?? 'native');
    for (const screen of SCREENS) {
      await useScreen(page, screen);
      await picture(page, 'chat-beneath', screen);
      expect(await overflow(page)).toBe(0);
    }
    await page.getByText('here now').click();
    await page.getByText('Beneath this page').click();
    for (const screen of SCREENS) {
      await useScreen(page, screen);
      await picture(page, 'chat', screen);
      expect(await overflow(page)).toBe(0);
      expect((await lightness(page)) > 128).toBe(screen.colorScheme === 'light');
      const rights = await page
        .locator('.bubble, .bar > *, #composer .field > *')
        .evaluateAll((elements) => elements.map((element) => element.getBoundingClientRect().right));
      expect(Math.max(...rights)).toBeLessThanOrEqual(screen.width);
    }
  });
});
