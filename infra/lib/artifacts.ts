import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { CfnFunction } from 'aws-cdk-lib/aws-sam';
import type { Stack } from 'aws-cdk-lib';

/** The binary that a function runs is in a folder of its crate's name, as `cargo lambda build` leaves it. */
const SHARED = 'bootstrap';

/**
 * Uploads the built functions as assets: `cdk` runs no `sam build`, and SAM's transform takes no local folder.
 * Functions of one artifact share one asset.
 */
export function uploadArtifacts(stack: Stack, folder: string): void {
  const assets = new Map<string, Asset>();
  for (const child of stack.node.findAll()) {
    if (!(child instanceof CfnFunction)) continue;
    const source = stack.resolve(child.codeUri) as string | undefined;
    const crate = source?.split('/').at(-1) ?? SHARED;
    let asset = assets.get(crate);
    if (asset === undefined) {
      const path = join(folder, crate);
      if (!existsSync(join(path, 'bootstrap'))) {
        throw new Error(`${path}/bootstrap is missing: run \`cargo lambda build --release --arm64\`, or give its folder with -c artifacts=FOLDER`);
      }
      asset = new Asset(stack, `Artifact-${crate}`, { path });
      assets.set(crate, asset);
    }
    child.addPropertyOverride('CodeUri', { Bucket: asset.s3BucketName, Key: asset.s3ObjectKey });
  }
}
