import { Stack, type StackProps } from 'aws-cdk-lib';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import type { Construct } from 'constructs';

import { acknowledge } from './acknowledged.js';
import { uploadArtifacts } from './artifacts.js';
import type { EnvironmentSettings } from './environments.js';
import { rollOut } from './rollout.js';

export interface ServiceStackProps extends StackProps {
  readonly settings: EnvironmentSettings;
  /** The path of `template.yaml`. */
  readonly template: string;
  /** Where the built functions are; none to look at the template without having built them. */
  readonly artifacts: string | undefined;
}

/** The service: `template.yaml`, whole, with what an environment adds. Nothing in it is declared here again. */
export class ServiceStack extends Stack {
  readonly included: CfnInclude;

  constructor(scope: Construct, id: string, props: ServiceStackProps) {
    super(scope, id, { ...props, terminationProtection: props.settings.terminationProtection });
    this.included = new CfnInclude(this, 'Template', {
      templateFile: props.template,
      parameters: { ...props.settings.parameters },
    });
    if (props.settings.rollout !== 'AllAtOnce') rollOut(this, props.settings.rollout);
    if (props.artifacts !== undefined) uploadArtifacts(this, props.artifacts);
    acknowledge(this);
  }
}
