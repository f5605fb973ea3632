/** What runs in the worker of a browser: the account, with its keys. */
import { serve } from "./port.ts";
import type { PortLike } from "./remote.ts";

serve(globalThis as unknown as PortLike);
