export { type Clock, type ClockTimer, systemClock } from './clock.ts';
export { CodedError, SystemError } from './errors.ts';
export { consoleLogger, type Logger } from './logger.ts';
