// The build makes one file of this and of the client, for the pages to import.
export { TopicsClient } from 'landspout/websocket/browser';
