import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { App } from 'aws-cdk-lib';

import { ENVIRONMENTS, type EnvironmentSettings } from '../lib/environments.js';
import { ALIAS } from '../lib/rollout.js';
import { ServiceStack } from '../lib/service-stack.js';

type Resource = { Type: string; Properties: Record<string, unknown> };
type Rendered = { Parameters: Record<string, unknown>; Resources: Record<string, Resource> };

const template = fileURLToPath(new URL('../../../template.yaml', import.meta.url));
const declared = [...readFileSync(template, 'utf8').matchAll(/^  (\w+):\n    Type: (AWS::[\w:]+)/gm)];

function environment(name: string): EnvironmentSettings {
  const settings = ENVIRONMENTS[name];
  assert(settings, `there is an environment ${name}`);
  return settings;
}

/** What `npm run synth` has left: making it again would take longer than all tests. */
function rendered(name: string): Rendered {
  const path = fileURLToPath(new URL(`../../cdk.out/tidings-${name}.template.json`, import.meta.url));
  return JSON.parse(readFileSync(path, 'utf8')) as Rendered;
}

const dev = rendered('dev');
const prod = rendered('prod');

test('what is deployed is what the template declares, and nothing else', () => {
  assert(declared.length > 200, 'the template was read');
  const names = new Map(declared.map(([, name, type]) => [name, type]));
  for (const stack of [dev, prod]) {
    const resources = Object.entries(stack.Resources).filter(([, resource]) => resource.Type !== 'AWS::CDK::Metadata');
    assert.deepEqual(new Map(resources.map(([name, { Type }]) => [name, Type])), names);
  }
});

test('an environment fixes its own parameters and leaves the others to the deployment', () => {
  for (const [name, stack] of Object.entries({ dev, prod })) {
    for (const parameter of Object.keys(environment(name).parameters)) {
      assert(!(parameter in stack.Parameters), `${name} fixes ${parameter}`);
      assert(!JSON.stringify(stack).includes(`{"Ref":"${parameter}"}`), `${name} still refers to ${parameter}`);
    }
    assert('OidcIssuer' in stack.Parameters);
  }
  assert.equal(dev.Resources['LogTable']?.Properties['BillingMode'], 'PAY_PER_REQUEST');
});

test('production is protected against deletion and keeps its logs for a quarter', () => {
  assert.equal(environment('prod').terminationProtection, true);
  assert.equal(environment('prod').parameters['DeletionProtection'], 'true');
  assert.equal(prod.Resources['SendLogs']?.Properties['RetentionInDays'], 90);
});

test('in production every function is called by its alias, and takes new code bit by bit', () => {
  const functions = Object.entries(prod.Resources).filter(([, { Type }]) => Type === 'AWS::Serverless::Function');
  assert(functions.length >= 20);
  const callers = Object.values(prod.Resources).filter(({ Type }) =>
    ['ApiGatewayV2::Integration', 'ApiGatewayV2::Authorizer', 'Lambda::Permission', 'Lambda::EventSourceMapping', 'Events::Rule'].some((kind) =>
      Type.endsWith(kind),
    ),
  );
  const calls = JSON.stringify(callers);
  for (const [name, { Properties }] of functions) {
    assert.equal(Properties['AutoPublishAlias'], ALIAS, name);
    const preference = Properties['DeploymentPreference'] as { Type: string; Alarms: { Ref: string }[] };
    assert.equal(preference.Type, 'Canary10Percent10Minutes', name);
    assert(preference.Alarms.length > 3 && preference.Alarms.length <= 10, name);
    for (const { Ref } of preference.Alarms) assert.equal(prod.Resources[Ref]?.Type, 'AWS::CloudWatch::Alarm', Ref);
    assert(calls.includes(`${name}.Alias`), `${name} is called by its alias`);
    assert(!calls.includes(`"Ref":"${name}"`) && !calls.includes(`${name}.Arn`), `${name} is called past its alias`);
  }
  const aliases = new Set([...JSON.stringify(prod).matchAll(/(\w+)\.Alias\b/g)].map(([, name]) => name));
  assert.deepEqual([...aliases].sort(), functions.map(([name]) => name).sort());
});

test('in development all code comes in at once, and functions are called by their names', () => {
  assert(!JSON.stringify(dev).includes('.Alias'));
  assert.equal(dev.Resources['SendFunction']?.Properties['DeploymentPreference'], undefined);
});

test('functions that were not built are not deployed', () => {
  const empty = mkdtempSync(join(tmpdir(), 'tidings-infra-'));
  const make = () => new ServiceStack(new App(), 'none', { settings: environment('dev'), template, artifacts: empty });
  assert.throws(make, /bootstrap\/bootstrap is missing: run `cargo lambda build/);
});

test('every alarm has its runbook, and every runbook its alarm', () => {
  const folder = fileURLToPath(new URL('../../../docs/runbooks/', import.meta.url));
  const named = new Set(['cost-anomaly.md', 'cost-budget.md']);
  const alarms = Object.entries(prod.Resources).filter(([, { Type }]) => Type.startsWith('AWS::CloudWatch::') && Type.endsWith('Alarm'));
  assert(alarms.length > 20);
  for (const [name, { Properties }] of alarms) {
    const [, file] = /Runbook docs\/runbooks\/([a-z-]+\.md)$/.exec(String(Properties['AlarmDescription'])) ?? assert.fail(`${name} names no runbook`);
    const text = readFileSync(join(folder, file as string), 'utf8');
    assert(text.includes(`\`${name}\``), `${file} does not name ${name}`);
    for (const part of ['## What it means', '## Look', '## Do', '## Over when', '## Rehearsed']) assert(text.includes(part), `${file} has no ${part}`);
    named.add(file as string);
  }
  assert.deepEqual(readdirSync(folder).filter((file) => file !== 'README.md').sort(), [...named].sort());
});
