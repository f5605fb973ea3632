import { CfnElement, CfnResource, Stack } from 'aws-cdk-lib';
import { CfnAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnFunction } from 'aws-cdk-lib/aws-sam';
import type { IConstruct } from 'constructs';

import type { Rollout } from './environments.js';

/** Under which name a function is called. A new version gets its share of the calls under the same name. */
export const ALIAS = 'live';

/** Alarms that undo a rollout: those of what users notice. Alarms of cost, and slow ones, do not. */
export const ROLLBACK_ALARMS = /(BurnFastShort|SentLatency|Failures|Lag)Alarm$/;

/** Where a function is named as what is called, by the type of the resource. */
const CALLS: Readonly<Record<string, string>> = {
  'AWS::ApiGatewayV2::Authorizer': 'AuthorizerUri',
  'AWS::ApiGatewayV2::Integration': 'IntegrationUri',
  'AWS::Events::Rule': 'Targets',
  'AWS::Lambda::EventSourceMapping': 'FunctionName',
  'AWS::Lambda::Permission': 'FunctionName',
};

/** CodeDeploy's own alarm limit of a deployment group. */
const ALARMS_MAX = 10;

/**
 * Gives every function an alias and a gradual rollout with alarms, and has every caller call the alias.
 *
 * `template.yaml` names functions and not aliases, because the local stack knows none: the callers are rewritten here,
 * so that there is no second template. SAM's transform makes the CodeDeploy application of the properties.
 */
export function rollOut(stack: Stack, rollout: Rollout): void {
  const functions = new Map<string, CfnFunction>();
  const alarms: CfnAlarm[] = [];
  for (const child of stack.node.findAll()) {
    if (child instanceof CfnFunction) functions.set(nameOf(child), child);
    if (child instanceof CfnAlarm && ROLLBACK_ALARMS.test(nameOf(child))) alarms.push(child);
  }
  if (alarms.length === 0) throw new Error('no alarm of template.yaml undoes a rollout');
  const watched = alarms.map(nameOf).sort((a, b) => rank(a) - rank(b) || a.localeCompare(b)).slice(0, ALARMS_MAX);
  for (const lambda of functions.values()) {
    lambda.addPropertyOverride('AutoPublishAlias', ALIAS);
    // Configuration is as able to break things as code is: it comes in by a version, too.
    lambda.addPropertyOverride('AutoPublishAliasAllProperties', true);
    lambda.addPropertyOverride('DeploymentPreference', {
      Type: rollout,
      Alarms: watched.map((name) => ({ Ref: name })),
    });
  }
  for (const child of stack.node.findAll()) {
    const property = CfnResource.isCfnResource(child) ? CALLS[child.cfnResourceType] : undefined;
    if (property === undefined) continue;
    const resource = child as CfnResource;
    // What the resource would be in the template: the only place where its properties are seen as they will be.
    const rendered = stack.resolve(resource._toCloudFormation()) as { Resources: Record<string, { Properties: Record<string, unknown> }> };
    const value = rendered.Resources[nameOf(resource)]?.Properties[property];
    const called = byAlias(value, functions);
    if (called !== value) resource.addPropertyOverride(property, called);
  }
}

/** Burn rates first: they are what the promise is measured by; and how long senders wait, which everybody notices. */
function rank(name: string): number {
  return /Burn|SentLatency/.test(name) ? 0 : name.endsWith('FailuresAlarm') ? 1 : 2;
}

function nameOf(construct: IConstruct): string {
  return Stack.of(construct).resolve((construct as CfnElement).logicalId) as string;
}

/** The same value with each function called by its alias; the very same object where it names none. */
function byAlias(value: unknown, functions: ReadonlyMap<string, unknown>): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => byAlias(item, functions));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = value as Record<string, unknown>;
  const reference = entries['Ref'];
  if (typeof reference === 'string' && functions.has(reference)) return { Ref: `${reference}.Alias` };
  const attribute = entries['Fn::GetAtt'];
  const [name, field] = Array.isArray(attribute) ? attribute : String(attribute ?? '').split('.');
  if (field === 'Arn' && functions.has(name as string)) return { Ref: `${name}.Alias` };
  const text = entries['Fn::Sub'];
  if (typeof text === 'string') {
    const called = text.replace(/\$\{(\w+)\.Arn\}/g, (whole, name: string) => (functions.has(name) ? `\${${name}.Alias}` : whole));
    return called === text ? value : { 'Fn::Sub': called };
  }
  const changed = Object.entries(entries).map(([key, inner]) => [key, byAlias(inner, functions)] as const);
  return changed.some(([key, inner]) => inner !== entries[key]) ? Object.fromEntries(changed) : value;
}
