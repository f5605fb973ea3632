import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';

import { ENVIRONMENTS } from '../lib/environments.js';
import { ServiceStack } from '../lib/service-stack.js';

const repository = fileURLToPath(new URL('../../../', import.meta.url));

const app = new App();
const artifacts = (app.node.tryGetContext('artifacts') as string | undefined) ?? 'target/lambda';
for (const [name, settings] of Object.entries(ENVIRONMENTS)) {
  new ServiceStack(app, `tidings-${name}`, {
    settings,
    template: resolve(repository, 'template.yaml'),
    artifacts: artifacts === 'none' ? undefined : resolve(repository, artifacts),
    description: `Tidings, ${name}`,
  });
}
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
app.synth();
