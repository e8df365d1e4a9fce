// A change of the service: a dialog that says what will happen, asks why, and asks for the token of the API once.

import { byId } from "./elements.js";
import { post } from "./requests.js";

const KEY = "dayahead-token";

/** Whether this tab holds the token. */
export const hasToken = () => sessionStorage.getItem(KEY) !== null;

/** Ask for the token again at the next change. */
export const forgetToken = () => sessionStorage.removeItem(KEY);

/**
 * A change to confirm.
 * @typedef {{title: string, what: string, action: string, path: string, body: (reason: string) => object, said: (answer: object) => string}} Change
 * `action` is on the button, `said` is what has been done, in words
 */

export class ChangeDialog {
  /** @param {(said: string) => void} done is called after a change. */
  constructor(done) {
    this.done = done;
    this.box = byId("change");
    byId("change-cancel").addEventListener("click", () => this.box.close());
    byId("change-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  /** @param {Change} change */
  open(change) {
    this.change = change;
    byId("change-title").textContent = change.title;
    byId("change-what").textContent = change.what;
    byId("change-send").textContent = change.action;
    byId("change-reason").value = "";
    this.refuse("");
    this.askForToken();
    this.box.showModal();
    byId("change-reason").focus();
  }

  askForToken() {
    byId("change-token-row").hidden = hasToken();
    Object.assign(byId("change-token"), { value: "", required: !hasToken() });
  }

  refuse(words) {
    const line = byId("change-refused");
    line.textContent = words;
    line.hidden = !words;
  }

  async send() {
    const { change } = this;
    const token = sessionStorage.getItem(KEY) ?? byId("change-token").value.trim();
    byId("change-send").disabled = true;
    try {
      const answer = await post(change.path, change.body(byId("change-reason").value.trim()), token);
      sessionStorage.setItem(KEY, token);
      this.box.close();
      this.done(change.said(answer));
    } catch (refusal) {
      const wrong = refusal.status === 401;
      if (wrong) {
        forgetToken();
        this.askForToken();
      }
      this.refuse(wrong ? "The API refused this token: it is not the value of its DAYAHEAD_API_TOKEN. Nothing was changed." : refusalWords(refusal));
      if (wrong) byId("change-token").focus();
    } finally {
      byId("change-send").disabled = false;
    }
  }
}

/** Without an answer it is not known whether the change was made. */
const refusalWords = (refusal) =>
  refusal.status === 0 ? `${refusal.message} Look at the lists before you send it again: it may have been done.` : refusal.message;
