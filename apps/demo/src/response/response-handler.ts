import { HTTPError, RequestHandler } from 'landspout';
import { TopicsLimitError } from 'landspout/topics';
import type { Site } from '../site/site.ts';
import { responsePage } from './response-page.ts';
import {
  QUESTION_LENGTH,
  type Question,
  questionOf,
  SPEEDS,
  type Speed,
  startResponse,
} from './responses.ts';

/** The page of a response: GET shows it, or the form for a new one; POST starts one. */
export class ResponseHandler extends RequestHandler {
  #site!: Site;

  override initialize({ site }: { readonly site: Site }): void {
    this.#site = site;
  }

  override async get(): Promise<void> {
    const id = this.getQueryArgument('id', undefined);
    const question = id === undefined ? undefined : await questionOf(this.#site.runs, id);
    if (id !== undefined && question === undefined) this.setStatus(404);
    const { mayKill } = this.#site.process.facts;
    await this.render(responsePage({ id, question, xsrf: this.xsrfFormHtml(), mayKill }));
  }

  override async post(): Promise<void> {
    try {
      const id = await startResponse(this.#site.runs, this.#question());
      this.redirect(`/response?id=${id}`, { status: 303 });
    } catch (error) {
      if (error instanceof TopicsLimitError) throw new HTTPError(503, error.message);
      throw error;
    }
  }

  #question(): Question {
    const speed = this.getBodyArgument('speed');
    const text = this.getBodyArgument('question').trim();
    if (!Object.hasOwn(SPEEDS, speed) || text === '' || text.length > QUESTION_LENGTH)
      throw new HTTPError(400);
    return { text, speed: speed as Speed };
  }
}
