import { byId } from './elements.js';

/** Makes the button copy the address of the page or, where the browser does not allow that, show it to be copied. */
export function enableCopying() {
  const field = byId('address-field');
  const address = /** @type {HTMLInputElement} */ (byId('address'));
  const button = byId('copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      button.textContent = 'Copied';
      byId('copied').textContent = 'The address is copied.';
    } catch {
      field.hidden = false;
      address.value = location.href;
      address.select();
    }
  });
}
