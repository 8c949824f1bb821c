import type { Page } from 'playwright-core';

/** Fills in the form of the chat, and waits until the room is there. */
export async function join(page: Page, name: string): Promise<Page> {
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByText(`You are ${name}`).waitFor();
  return page;
}

export async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.keyboard.press('Enter');
}

/** The texts in the log, in their order; own ones that are not confirmed are not among them. */
export function texts(page: Page, which = '.message'): Promise<string[]> {
  return page.locator(`#log ${which} .text`).allTextContents();
}

export function people(page: Page): Promise<string[]> {
  return page.locator('#people .person-name').allTextContents();
}
