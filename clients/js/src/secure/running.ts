/** What the parts of a client have in common. */
import type { Client, ClientEvent } from "../client.ts";
import type { Http } from "../http.ts";
import type { Device } from "./device.ts";
import type { SecureEvent } from "./events.ts";
import type { AccountPort } from "./store.ts";

/** A client that is running, as its parts see it. */
export interface Running {
  readonly client: Client;
  readonly http: Http;
  /** This device, and what the service calls it. */
  readonly own: Device;
  readonly deviceId: string;
  /** The account; refused where the client is stopped. */
  opened(): AccountPort;
  readonly isOpen: boolean;
  tell(event: ClientEvent): void;
  say(event: SecureEvent): void;
}
