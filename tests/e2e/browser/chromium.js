// Debian's Chromium with a profile of its own, in which every `.example` host is this machine; its
// camera and its microphone are made up, and may be used without asking.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const ARGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--host-resolver-rules=MAP *.example 127.0.0.1", "--ignore-certificate-errors",
  "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
];

export class Browser {
  static async open() {
    const browser = new Browser();
    browser.profile = mkdtempSync(join(tmpdir(), "latido-chromium-"));
    browser.context = await chromium.launchPersistentContext(browser.profile, {
      executablePath: "/usr/bin/chromium", args: ARGS,
    });
    browser.context.setDefaultTimeout(20_000);
    return browser;
  }

  /** A new tab at a URL. */
  async visit(url) {
    const page = await this.context.newPage();
    await page.goto(url);
    return page;
  }

  async close() {
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true });
  }
}

/** Waits until the output of that id reads so; a text may stand for the whole, or a pattern. */
export async function reads(page, id, expected) {
  const test = ([id, source, isPattern]) => {
    const text = document.getElementById(id)?.value ?? "";
    return isPattern ? new RegExp(source).test(text) : text === source;
  };
  const isPattern = expected instanceof RegExp;
  try {
    await page.waitForFunction(test, [id, isPattern ? expected.source : expected, isPattern]);
  } catch (error) {
    const text = await page.locator(`#${id}`).evaluate((output) => output.value);
    throw new Error(`${page.url()}: #${id} reads "${text}", not ${expected}`, { cause: error });
  }
  return page.locator(`#${id}`).evaluate((output) => output.value);
}
