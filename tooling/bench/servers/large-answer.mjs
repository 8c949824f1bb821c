import { CROWD } from './settings.mjs';

const { answerBytes, fresh } = CROWD;
const shared = make();

/** What is asked for and never read. */
export function largeAnswer() {
  return fresh ? make() : shared;
}

function make() {
  return Buffer.alloc(answerBytes, 'All work and no play. ');
}
