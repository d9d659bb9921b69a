// The fields for strength and noise level, which strength-and-noise.html puts into a page.
import { byId } from './page.js';

// Shows or hides the fields, and writes the values next to their names.
export function refreshFields({ strength, noise }) {
  byId('strength-field').hidden = !strength;
  byId('noise-field').hidden = !noise;
  byId('strength-value').textContent = `${byId('strength').value} %`;
  const auto = byId('noise-auto').checked;
  byId('noise-level').disabled = auto;
  byId('noise-value').textContent = auto ? '' : byId('noise-level').value;
}

// strength: 0..1. noise: level in 8-bit levels; null: estimated.
export const fieldValues = () => ({
  strength: Number(byId('strength').value) / 100,
  noise: byId('noise-auto').checked ? null : Number(byId('noise-level').value),
});

export function onFieldInput(changed) {
  for (const id of ['strength', 'noise-level', 'noise-auto']) byId(id).addEventListener('input', changed);
}
