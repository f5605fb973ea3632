// Where the keys are handled: not in the page, which goes on while they are.
import "@tidings/client/secure/worker";
