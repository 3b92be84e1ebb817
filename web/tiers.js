/** The models to choose from, as the runtime folder lists them. */
import { PercepNet } from './worklet/percepnet.js';

/** @param {HTMLSelectElement} select */
export async function fillTiers(select) {
  select.append(new Option('Default', ''));
  try {
    const tiers = await PercepNet.tiers();
    const usual = tiers.find((tier) => tier.default);
    select.replaceChildren(
      ...tiers.map(({ tier, weights, bytes, image, default: first }) => {
        const size = `${(weights / 1e6).toFixed(1)} M weights`;
        return new Option(`${tier}, ${size}${first ? '' : `, ${((image?.bytes ?? bytes) / 1e6).toFixed(1)} MB more`}`, tier);
      }),
      new Option('Automatic', 'auto'),
    );
    select.value = usual?.tier ?? 'auto';
  } catch {
    // Without the list, the model that comes with the enhancer still works.
  }
}
