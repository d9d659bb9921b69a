// What the pages share: texts and small tools for elements.
import { TEXTS } from './texts.js';

export const byId = (id) => document.getElementById(id);

// A text with {name} filled in.
export function text(key, values = {}) {
  return TEXTS[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function fillTexts() {
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = text(element.dataset.text);
  for (const element of document.querySelectorAll('[data-label]')) element.setAttribute('aria-label', text(element.dataset.label));
  for (const element of document.querySelectorAll('[data-title]')) element.title = text(element.dataset.title);
}

// Fills the texts of a page and its frame. privacy: the text that says what stays where.
export function openPage(name, privacy) {
  document.title = text(`title.${name}`);
  fillTexts();
  byId('private').textContent = text(privacy);
  document.querySelector(`nav [data-text="nav.${name}"]`)?.setAttribute('aria-current', 'page');
}

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// A group of buttons of which one is pressed. changed(value) is called when another one is.
export function choice(group, values, named, changed) {
  const buttons = values.map((value) => {
    const button = make('button', { type: 'button', textContent: named(value) });
    button.dataset.value = value;
    button.addEventListener('click', () => {
      press(value);
      changed(value);
    });
    return button;
  });
  const press = (value) => {
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset.value === String(value)));
  };
  group.replaceChildren(...buttons);
  press(values[0]);
  return press;
}
