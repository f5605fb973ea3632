/** How a deployment takes new code: all at once, or a part of the calls first. */
export type Rollout = 'AllAtOnce' | 'Linear10PercentEvery1Minute' | 'Canary10Percent10Minutes';

/** What an environment sets. Everything else is a parameter of the template, with its default. */
export interface EnvironmentSettings {
  /** Parameters of the template whose value belongs to the environment. The rest is given with `--parameters`. */
  readonly parameters: Readonly<Record<string, string | number>>;
  /** How new code and new configuration come in. */
  readonly rollout: Rollout;
  /** Whether the stack itself refuses to be deleted. */
  readonly terminationProtection: boolean;
}

/**
 * The environments. Each is a stack of its own, `tidings-NAME`, and best an account of its own: quotas are by account.
 * A production stack holds what cannot be made again, so nothing of it is deleted by mistake.
 */
export const ENVIRONMENTS: Readonly<Record<string, EnvironmentSettings>> = {
  dev: {
    parameters: { Environment: 'dev', DeletionProtection: 'false', LogRetentionDays: 7 },
    rollout: 'AllAtOnce',
    terminationProtection: false,
  },
  staging: {
    parameters: { Environment: 'staging', DeletionProtection: 'false', LogRetentionDays: 14 },
    rollout: 'Linear10PercentEvery1Minute',
    terminationProtection: false,
  },
  prod: {
    parameters: {
      Environment: 'prod',
      DeletionProtection: 'true',
      TableEncryption: 'aws-managed',
      LogRetentionDays: 90,
    },
    rollout: 'Canary10Percent10Minutes',
    terminationProtection: true,
  },
};
