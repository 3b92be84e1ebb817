/**
 * The part of the Chime SDK that drives a transform device. The SDK's modules are CommonJS, for bundlers; its index also
 * brings the AWS client, which a browser needs only to join meetings.
 */
export { default as DefaultDeviceController } from 'amazon-chime-sdk-js/build/devicecontroller/DefaultDeviceController.js';
export { default as NoOpLogger } from 'amazon-chime-sdk-js/build/logger/NoOpLogger.js';
