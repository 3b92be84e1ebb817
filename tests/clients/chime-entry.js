/**
 * The part of the Chime SDK that drives a transform device. The SDK's modules are CommonJS, for bundlers; its index also
 * brings the AWS client, which a browser needs only to join meetings.
 */
import controller from 'amazon-chime-sdk-js/build/devicecontroller/DefaultDeviceController.js';
import logger from 'amazon-chime-sdk-js/build/logger/NoOpLogger.js';

export const DefaultDeviceController = controller.default;
export const NoOpLogger = logger.default;
