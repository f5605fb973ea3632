import { CfnResource, Validations, type Stack } from 'aws-cdk-lib';

/**
 * Rules of cdk-nag and of CDK's own validation that are not followed here, and why.
 * What stands for each instead is a test or a check that fails.
 */
export const ACKNOWLEDGED: Readonly<Record<string, string>> = {
  'AwsSolutions-APIG1': 'Both stages write access logs on AWS: the setting stands under the condition OnAws, which the rule does not read.',
  'AwsSolutions-APIG4':
    'A socket is authorised once, at $connect. The functions behind the HTTP API verify the bearer token themselves: an authorizer could ' +
    'answer 403 alone, and costs a second invocation. `members.rs` attempts every route as a stranger.',
  'AwsSolutions-CFR1': 'Media is for whoever holds a signed address, and the web client for everybody, in any country.',
  'AwsSolutions-CFR2': 'Media is not answered without a signature of the service, and the web client is a few public files: a firewall sees no more than that.',
  'AwsSolutions-CFR3': 'Who read which media when is not kept, on purpose.',
  'AwsSolutions-CFR4':
    'A distribution without a domain of its own has the certificate of cloudfront.net, whose minimum version cannot be set. It is https alone.',
  'AwsSolutions-IAM4': 'The managed policy is TracingPolicy of this template, under a condition that the rule does not read.',
  'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]':
    'API Gateway writes access logs by the policy that AWS manages for that.',
  'AwsSolutions-S1': 'Who read which media when is not kept, on purpose. Management events are in CloudTrail.',
  'AwsSolutions-SQS3': 'These queues are where failures end: for Lambda they are destinations, which the rule does not look for.',
  'CloudFormation-Validate::F1020': 'SAM makes the resource X.Alias of AutoPublishAlias; `rollout.test.ts` looks for every one of them.',
  'CloudFormation-Validate::F3014':
    'The web client has a certificate of its own or that of cloudfront.net, by the condition HasWebDomain, which the rule does not read.',
  'CloudFormation-Validate::W1001': 'Every environment here is on AWS, so what stands under the condition OnAws is there.',
  'CloudFormation-Validate::W1030': 'AlarmTopicArn is referred to under the condition that it is not empty.',
  'CloudFormation-Validate::W2509': 'MediaCdnKeySecret is the name of a secret, not a secret.',
  'CloudFormation-Validate::W8003': 'The environment fixes parameters, so conditions on them are known.',
};

const WILDCARD =
  'A * is the end of the name of something below a named bucket, API, table or rule. `no_policy_names_everything` refuses all others, ' +
  'but for X-Ray, which has no resources.';

/** The one resource whose policy is written with a condition inside, which the rule does not read. */
const TLS_BY_CONDITION = 'MediaUploads';

export function acknowledge(stack: Stack): void {
  for (const [id, reason] of Object.entries(ACKNOWLEDGED)) Validations.of(stack).acknowledge({ id, reason });
  for (const child of stack.node.findAll()) {
    if (!CfnResource.isCfnResource(child)) continue;
    for (const resource of wildcards(stack.resolve((child as CfnResource & { _toCloudFormation(): unknown })._toCloudFormation()))) {
      // The rule wants each finding acknowledged by its own name. A bare * is one of tracing alone.
      if (resource !== '*' || child.node.id === 'TracingPolicy') {
        Validations.of(child).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason: WILDCARD });
      }
    }
    if (child.node.id === TLS_BY_CONDITION) {
      Validations.of(child).acknowledge({ id: 'AwsSolutions-SQS4', reason: 'MediaUploadsPolicy asks for TLS under the condition OnAws.' });
    }
  }
}

/** The resources with a * in what is allowed anywhere in a value, as cdk-nag writes them. */
function wildcards(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(wildcards);
  if (typeof value !== 'object' || value === null) return [];
  const fields = value as Record<string, unknown>;
  if (fields['Effect'] !== 'Allow') return Object.values(fields).flatMap(wildcards);
  return [fields['Resource']].flat().map(textOf).filter((text) => text.includes('*'));
}

function textOf(resource: unknown): string {
  if (typeof resource === 'string') return resource;
  const text = (resource as Record<string, unknown> | undefined)?.['Fn::Sub'];
  return typeof text === 'string' ? text.replace(/\$\{([^}]+)\}/g, '<$1>') : '';
}
